/* The OS root's stream: layers, the wired overlay, paths said one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "awkward.h"
#include "scratch.h"
#include "stream.h"
#include "tree/squash.h"

#define EPOCH 1700000000

static const char *wired;
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
	static const char *const names[] = {"top.upper", "top.lower", "base.upper", "base.lower"};
	_cleanup_err_ struct err e = ERR_INIT;
	if (scratch_setup(state) < 0)
		return -1;
	wired = scratch_path("wired");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		layers[i] = scratch_path(names[i]);
	if (ns_call(make_trees, NULL, &e) == 0)
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return -1;
}

static int write_root(struct tar_out *t, struct err *err)
{
	return root_write(&spec, t, EPOCH, err);
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
	const char *const overlays[] = {wired, NULL};
	spec = (struct root_spec){
		.overlays = overlays, .layers = layers, .extras = extras, .n_extras = ARRAY_SIZE(extras)};
	stream_golden(write_root, scratch_path("stream.tar"), "root.txt");
}

static void refused(const struct squash_extra *extras, size_t n, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	spec = (struct root_spec){.layers = layers, .extras = extras, .n_extras = n};
	assert_int_equal(stream_make(write_root, scratch_path("stream.tar"), &e), -1);
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
	return cmocka_run_group_tests_name("OS root", tests, setup, scratch_teardown);
}
