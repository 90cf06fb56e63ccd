/*
 * A store of real size from a real tree, made twice: KILN_TEST_TREE names a Debian root with squashfs-tools 4.6.1 or
 * later (it is base layer and tools in one). KILN_TEST_OUT keeps the result for e2e/store-podman.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "oci/store.h"
#include "scratch.h"
#include "treefix.h"
#include <cmocka.h>
#include <time.h>
#include <unistd.h>

#define EPOCH 1700000000
static const char *tree;

static int setup(void **state)
{
	tree = getenv("KILN_TEST_TREE");
	return scratch_setup(state);
}

static void must(int r, struct err *e)
{
	if (r)
		fail_msg("%s", e->msg);
}

/* Two small images over the base: one that hides, replaces and marks things, one that only adds. */
static int make_trees(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fix_root(dir);
	fix_dir("awk.upper/etc", 0755, 0, 0);
	fix_whiteout("awk.upper/etc/debian_version");
	fix_whiteout("awk.upper/etc/never-there");
	fix_dir("awk.upper/etc/apt", 0750, 7, 8);
	fix_opaque("awk.upper/etc/apt");
	fix_file("awk.upper/etc/apt/only", "new\n", 0640, 1, 2);
	fix_dir("awk.upper/usr", 0755, 0, 0);
	fix_dir("awk.upper/usr/bin", 0755, 0, 0);
	fix_file("awk.upper/usr/bin/suid", "#!/bin/true\n", 04755, 0, 0);
	fix_caps("awk.upper/usr/bin/suid");
	fix_dir("awk.upper/srv", 0755, 0, 0);
	fix_file("awk.upper/srv/one", "linked\n", 0644, 5, 6);
	fix_link("awk.upper/srv/one", "awk.upper/srv/two");
	fix_file("awk.upper/srv/caf\xc3\xa9 \"q\"\\", "utf\n", 0644, 0, 0);
	fix_file("awk.upper/srv/not\xff\xfeutf8", "raw\n", 0644, 0, 0);
	fix_long("awk.upper/srv", 3, "deep\n");
	fix_symlink("awk.upper/srv/dangling", "../../nope");
	fix_file("awk.upper/srv/user-attr", "x", 0600, 65000, 65000);
	fix_xattr("awk.upper/srv/user-attr", "user.note", "hello", 5);
	fix_dir("awk.upper/opt", 02775, 1000, 1001);
	fix_dir("add.lower/srv", 0755, 0, 0);
	fix_file("add.lower/srv/hello", "hello from add\n", 0644, 0, 0);
	fix_dir("add.upper", 0755, 0, 0);
	return 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void index_timed(const struct layer *l, const char *name)
{
	struct err e = ERR_INIT;
	double t = now();
	must(layer_index(l, EPOCH, &e), &e);
	struct layer_info i;
	must(layer_info_read(l->index, &i, &e), &e);
	print_message("layer %s: %.1f s, %.1f MB\n", name, now() - t, (double)i.size / 1e6);
	layer_info_release(&i);
}

static void make_store(const struct image_spec *images, size_t n, const char *out, unsigned threads, char hex[HASH_HEX])
{
	struct err e = ERR_INIT;
	const char *const tools[] = {tree, NULL};
	struct squash_opts o = {.tools = tools, .out = out, .epoch = EPOCH, .threads = threads};
	json_t *report = NULL;
	double t = now();
	must(store_build(&o, &(struct store_spec){.images = images, .n_images = n}, &report, &e), &e);
	print_message("store of %zu images, %u threads: %.1f s, stream %.1f MB, squashfs %.1f MB\n", n, threads,
		now() - t, (double)json_integer_value(json_object_get(report, "stream")) / 1e6,
		(double)json_integer_value(json_object_get(report, "size")) / 1e6);
	json_decref(report);
	must(hash_file(out, hex, &e), &e);
}

static void store_of_real_tree(void **state)
{
	(void)state;
	if (!tree) {
		print_message("KILN_TEST_TREE is not set\n");
		skip();
	}
	struct err e = ERR_INIT;
	must(ns_call(make_trees, NULL, &e), &e);
	_cleanup_free_ char *bi = path_join(dir, "base.index"), *wi = path_join(dir, "awk.index"),
			    *ai = path_join(dir, "add.index"), *wu = path_join(dir, "awk.upper"),
			    *au = path_join(dir, "add.upper"), *al = path_join(dir, "add.lower"),
			    *one = path_join(dir, "one.sqfs"), *two = path_join(dir, "two.sqfs");
	const char *const parents[] = {tree, NULL}, *const awk[] = {wu, NULL}, *const add[] = {au, al, NULL};
	struct layer base = {.dirs = parents, .index = bi}, lw = {awk, parents, wi}, la = {add, parents, ai};
	index_timed(&base, "base");
	index_timed(&lw, "awkward");
	index_timed(&la, "add");
	const struct layer *const chain_b[] = {&base}, *const chain_w[] = {&base, &lw}, *const chain_a[] = {&base, &la};
	const char *const sh[] = {"/bin/sh", "-c", NULL}, *const say[] = {"cat /srv/hello", NULL},
			  *const env[] = {"PATH=/usr/bin:/bin", "HELLO=world", NULL};
	const char *const nb[] = {"localhost/kiln/base:kiln", NULL},
			  *const nw[] = {"localhost/kiln/test/awkward:kiln", NULL},
			  *const na[] = {"localhost/kiln/test/add:kiln", NULL};
	const struct image_spec images[] = {
		{.names = nb, .arch = "amd64", .layers = chain_b, .n_layers = 1, .entrypoint = sh, .env = env},
		{.names = nw,
			.arch = "amd64",
			.layers = chain_w,
			.n_layers = 2,
			.entrypoint = sh,
			.env = env,
			.user = "daemon"},
		{.names = na,
			.arch = "amd64",
			.layers = chain_a,
			.n_layers = 2,
			.entrypoint = sh,
			.command = say,
			.env = env,
			.workdir = "/srv"},
	};
	char h1[HASH_HEX], h2[HASH_HEX];
	make_store(images, 3, one, 1, h1);
	make_store(images, 3, two, 2, h2);
	assert_string_equal(h1, h2);
	print_message("sha256 %s\n", h1);
	const char *out = getenv("KILN_TEST_OUT");
	_cleanup_err_ struct err err = ERR_INIT;
	if (out) /* mv: it may be another file system */
		assert_int_equal(proc_run((const char *const[]){"mv", one, out, NULL}, NULL, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(store_of_real_tree)};
	return cmocka_run_group_tests_name("store from a real tree", tests, setup, scratch_teardown);
}
