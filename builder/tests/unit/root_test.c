/* The OS root's stream: layers, the wired overlay, paths said one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "awkward.h"
#include "stream.h"
#include "tree/squash.h"

#define EPOCH 1700000000

static char *dir, *paths[5];
static struct root_spec spec;
static const char *layers[5];

static int make_trees(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fix_root(dir);
	awkward_base();
	awkward_top();
	fix_dir("base.lower/root", 0700, 0, 0);
	fix_file("wired/etc/machine.json", "{}", 0644, 0, 0);
	fix_file("wired/etc/secret", "s", 0600, 0, 42);
	fix_file("wired/root/.profile", "p", 0644, 0, 0);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	static const char *const names[] = {"wired", "top.upper", "top.lower", "base.upper", "base.lower"};
	struct err e = ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-root-", &e);
	for (size_t i = 0; dir && i < ARRAY_SIZE(names); i++)
		paths[i] = path_join(dir, names[i]);
	for (size_t i = 0; i < 4; i++)
		layers[i] = paths[i + 1];
	if (!dir || ns_call(make_trees, NULL, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	int r = ns_remove(dir, &e);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		free(paths[i]);
	free(dir);
	return r;
}

static int write_root(struct tar_out *t, struct err *err)
{
	return root_write(&spec, t, EPOCH, err);
}

static int run(struct err *err, const char *file)
{
	struct stream_job j = {.write = write_root, .file = file};
	return ns_call(stream_in_namespace, &j, err);
}

static void whole_root(void **state)
{
	(void)state;
	static const struct squash_extra extras[] = {
		{.path = "/dev/console", .type = '3', .mode = 0600, .major = 5, .minor = 1}, /* /dev is made */
		{.path = "/tmp", .type = '5', .mode = 0755},		     /* a directory's mode; its content stays */
		{.path = "/usr/lib/kiln/store", .type = '5', .mode = 0755},  /* with its parents */
		{.path = "/etc/conf.d", .type = '2', .target = "/run/conf"}, /* a directory makes way */
		{.path = "/etc/machine-id", .type = '0', .mode = 0444, .data = "uninitialized\n"},
		{.path = "/etc/passwd", .type = '0', .mode = 0644, .data = "new\n"}, /* a file makes way */
		{.path = "srv/more", .type = '5', .mode = 0700, .uid = 5, .gid = 6},
		{.path = "srv/more/in", .type = '6', .mode = 0600},
	};
	const char *const overlays[] = {paths[0], NULL};
	spec = (struct root_spec){
		.overlays = overlays, .layers = layers, .extras = extras, .n_extras = ARRAY_SIZE(extras)};
	struct err e = ERR_INIT;
	_cleanup_free_ char *file = path_join(dir, "stream.tar");
	if (run(&e, file))
		fail_msg("%s", e.msg);
	_cleanup_free_ char *text = stream_list(file);
	stream_expect(text, "root.txt");
}

static void refused(const struct squash_extra *extras, size_t n, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *file = path_join(dir, "stream.tar");
	spec = (struct root_spec){.layers = layers, .extras = extras, .n_extras = n};
	assert_int_equal(run(&e, file), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_string_equal(e.msg, want);
}

static void refusals(void **state)
{
	(void)state;
	refused((const struct squash_extra[]){{.path = "/a/../b", .type = '5'}}, 1,
		"path /a/../b may not contain . or ..");
	refused((const struct squash_extra[]){{.path = "/a", .type = '5'}, {.path = "a/", .type = '0'}}, 2,
		"path a is given twice");
	refused((const struct squash_extra[]){{.path = "/usr/bin/caps", .type = '0'}}, 1,
		"usr/bin/same: is a hard link to usr/bin/caps, which is replaced");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_root), cmocka_unit_test(refusals)};
	return cmocka_run_group_tests_name("OS root", tests, setup, teardown);
}
