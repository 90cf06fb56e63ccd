/* The store's stream: every member and every record, compared with golden/store.txt; and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers.h"
#include "oci/store.h"
#include "stream.h"

static struct layer again;
static const struct layer *const chain_base[] = {&base}, *const chain_top[] = {&base, &top},
				 *const chain_again[] = {&base, &again};
static const char *const run[] = {"/bin/tool", NULL}, *const env[] = {"PATH=/usr/bin", NULL};
static const char *const name_a[] = {"localhost/kiln/a:kiln", NULL}, *const name_b[] = {"localhost/kiln/b:kiln", NULL},
			 *const name_c[] = {"localhost/kiln/c:kiln", "registry.example:5000/c:1", NULL};

static int make_trees(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fix_root(dir);
	awkward_base();
	awkward_top();
	fix_file("data/models/m.bin", "model", 0600, 12, 13);
	fix_file("data/run", "r", 0700, 0, 0);
	return 0;
}

static int setup(void **state)
{
	int r = layers_setup(state, make_trees);
	again = top;
	return r;
}

static struct store *plan;
static int write_plan(struct tar_out *t, struct err *err)
{
	return store_write(plan, t, EPOCH, err);
}

static void whole_store(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	/* a and b have the same config: one record with both names. c has other settings on the same layers. */
	const struct image_spec images[] = {
		{.names = name_c,
			.arch = "amd64",
			.layers = chain_top,
			.n_layers = 2,
			.entrypoint = run,
			.env = env,
			.user = "7"},
		{.names = name_b, .arch = "amd64", .layers = chain_again, .n_layers = 2, .entrypoint = run},
		{.names = name_a, .arch = "amd64", .layers = chain_top, .n_layers = 2, .entrypoint = run},
		{.names = (const char *const[]){"localhost/kiln/base:kiln", NULL},
			.arch = "amd64",
			.layers = chain_base,
			.n_layers = 1},
	};
	plan = store_plan(&(struct store_spec){.images = images, .n_images = 4, .data = scratch_path("data")}, &e);
	if (!plan)
		fail_msg("%s", e.msg);
	stream_golden(write_plan, scratch_path("stream.tar"), "store.txt");
	json_t *report = store_report(plan);
	assert_int_equal(json_array_size(json_object_get(report, "images")), 3);
	assert_int_equal(json_array_size(json_object_get(report, "layers")), 2);
	json_decref(report);
	store_free(plan);
}

static void refused(const struct image_spec *images, size_t n, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	assert_null(store_plan(&(struct store_spec){.images = images, .n_images = n}, &e));
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_string_equal(e.msg, want);
}

/* One such name and podman would refuse the whole store, or never find the image. */
static void names(void **state)
{
	(void)state;
	const struct image_spec twice[] = {
		{.names = name_a, .arch = "amd64", .layers = chain_top, .n_layers = 2},
		{.names = name_a, .arch = "amd64", .layers = chain_base, .n_layers = 1},
	};
	refused(twice, 2, "container store: image name localhost/kiln/a:kiln is given to two images");
	static const char *const bad[] = {"short", "short:tag", "library/x:1", "localhost/kiln/a", "/x:1"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *const list[] = {bad[i], NULL};
		const struct image_spec s = {.names = list, .arch = "amd64", .layers = chain_base, .n_layers = 1};
		_cleanup_free_ char *want =
			xasprintf("container store: image name %s is not whole: expected HOST/NAME:TAG", bad[i]);
		refused(&s, 1, want);
	}
	refused(&(struct image_spec){.names = name_a, .arch = "amd64"}, 1,
		"container store: an image needs a layer and a name");
}

static void missing_index(void **state)
{
	(void)state;
	_cleanup_err_ struct err e = ERR_INIT;
	struct layer l = {.dirs = base_dirs, .index = "/nonexistent"};
	const struct layer *const chain[] = {&l};
	const struct image_spec s = {.names = name_a, .arch = "amd64", .layers = chain, .n_layers = 1};
	assert_null(store_plan(&(struct store_spec){.images = &s, .n_images = 1}, &e));
	assert_non_null(strstr(e.msg, "container store: image localhost/kiln/a:kiln: "));
	assert_non_null(strstr(e.msg, "/nonexistent/layer.json: No such file or directory"));
}

/* Runs last: it changes the tree. */
static int touch_file(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fix_root(dir);
	fix_file("base.lower/etc/passwd", "root::0:0::/:/bin/sh\n\n", 0644, 0, 0); /* the same size */
	return 0;
}

static void changed_since_indexed(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	_cleanup_err_ struct err bad = ERR_INIT;
	const struct image_spec s = {.names = name_a, .arch = "amd64", .layers = chain_base, .n_layers = 1};
	if (ns_call(touch_file, NULL, &e))
		fail_msg("%s", e.msg);
	plan = store_plan(&(struct store_spec){.images = &s, .n_images = 1}, &e);
	assert_int_equal(stream_make(write_plan, scratch_path("stream.tar"), &bad), -1);
	store_free(plan);
	_cleanup_free_ char *want =
		xasprintf("image layer %s: the files are not those of its digest: something changed them in the cache",
			base_dirs[0]);
	assert_string_equal(bad.msg, want);
	assert_int_equal(bad.kind, ERR_VERIFY);
}

/* An index half gone. */
static void no_tar_split(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	_cleanup_err_ struct err bad = ERR_INIT;
	const struct image_spec s = {.names = name_a, .arch = "amd64", .layers = chain_base, .n_layers = 1};
	const char *split = scratch_path("base.index/tar-split.gz"), *aside = scratch_path("base.index/aside");
	plan = store_plan(&(struct store_spec){.images = &s, .n_images = 1}, &e);
	assert_int_equal(rename(split, aside), 0);
	assert_int_equal(stream_make(write_plan, scratch_path("stream.tar"), &bad), -1);
	assert_int_equal(rename(aside, split), 0);
	store_free(plan);
	_cleanup_free_ char *want = xasprintf("%s: No such file or directory", split);
	assert_string_equal(bad.msg, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_store), cmocka_unit_test(names),
		cmocka_unit_test(missing_index), cmocka_unit_test(no_tar_split),
		cmocka_unit_test(changed_since_indexed)};
	return cmocka_run_group_tests_name("store", tests, setup, scratch_teardown);
}
