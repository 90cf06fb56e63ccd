/*
 * The pipe between writer and sqfstar, and its failures: whatever happens, the result is whole or not there. Most of
 * it needs sqfstar: KILN_TEST_TREE names a Debian root with squashfs-tools 4.6.1 or later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/namespace.h"
#include "tree/squash.h"
#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

static char *dir, *out;
static const char *tools[2];

static int setup(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-squash-", &e);
	if (!dir)
		return -1;
	out = path_join(dir, "out.sqfs");
	tools[0] = getenv("KILN_TEST_TREE");
	return 0;
}

/* Nothing may be left beside the result. */
static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	unlink(out);
	int r = rmdir(dir);
	if (r)
		fprintf(stderr, "%s is not empty\n", dir);
	ns_remove(dir, &e);
	free(dir);
	free(out);
	return r;
}

static void need_tools(void)
{
	if (!tools[0]) {
		print_message("KILN_TEST_TREE is not set\n");
		skip();
	}
}

static int build(squash_fn fn, unsigned threads, bool release, struct err *err)
{
	struct squash_opts o = {
		.tools = tools, .out = out, .epoch = 1700000000, .threads = threads, .release = release};
	struct squash_stat stat;
	return squash_build(&o, fn, NULL, &stat, err);
}

static void fails(squash_fn fn, enum err_kind kind, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	assert_int_equal(build(fn, 0, false, &e), -1);
	assert_string_equal(e.msg, want);
	assert_int_equal(e.kind, kind);
	assert_false(path_exists(out));
}

/* Compressible and not, larger than the pipe. */
static int write_some(struct tar_out *t, void *arg, struct err *err)
{
	(void)arg;
	_cleanup_free_ uint32_t *data = xmalloc(8 << 20);
	uint32_t x = 1;
	for (size_t i = 0; i < (8 << 20) / sizeof *data; i++)
		data[i] = (x = x * 1664525 + 1013904223) >> (i & 0x40000 ? 0 : 28);
	if (tar_dir(t, "d/", 0750, 5, err) || tar_file(t, "d/big", 6, data, 8 << 20, err))
		return -1;
	return tar_add(t, &(struct tar_member){.name = "d/hard", .type = '1', .link = "d/big"}, NULL, err);
}

static void same_bytes(void **state)
{
	(void)state;
	need_tools();
	_cleanup_err_ struct err e = ERR_INIT;
	char first[HASH_HEX], hex[HASH_HEX];
	for (unsigned threads = 1; threads <= 4; threads++) {
		if (build(write_some, threads, false, &e) || hash_file(out, hex, &e))
			fail_msg("%s", e.msg);
		if (threads == 1)
			memcpy(first, hex, sizeof first);
		assert_string_equal(hex, first);
	}
	assert_int_equal(build(write_some, 2, true, &e), 0);
	assert_int_equal(hash_file(out, hex, &e), 0);
	assert_string_not_equal(hex, first);
	print_message("sha256 %s\n", first);
}

static int write_and_fail(struct tar_out *t, void *arg, struct err *err)
{
	return write_some(t, arg, err) ? -1 : err_set(err, ERR_IO, "the disk burns");
}
static int write_and_die(struct tar_out *t, void *arg, struct err *err)
{
	(void)write_some(t, arg, err);
	_exit(9); /* process 1 of a namespace cannot kill itself by signal */
}
static int write_twice(struct tar_out *t, void *arg, struct err *err)
{
	(void)arg;
	return tar_file(t, "same", 1, "a", 1, err) || tar_file(t, "same", 1, "b", 1, err) ? -1 : 0;
}
static int write_rubbish(struct tar_out *t, void *arg, struct err *err)
{
	static const char rubbish[512] = "no tar";
	for (int i = 0; i < 100000; i++)
		if (t->sink->write(t->sink, rubbish, sizeof rubbish, err))
			return -1;
	(void)arg;
	return 0;
}

static void writer_fails(void **state)
{
	(void)state;
	need_tools();
	fails(write_and_fail, ERR_IO, "out.sqfs: the disk burns");
}

static void writer_vanishes(void **state)
{
	(void)state;
	need_tools();
	fails(write_and_die, ERR_TOOL, "out.sqfs: work in a namespace ended without a result (status 9)");
}

/* sqfstar keeps one of them and calls it a success. */
static void lost_file(void **state)
{
	(void)state;
	need_tools();
	fails(write_twice, ERR_TOOL, "out.sqfs: sqfstar left out files: 2 of 3 are there");
}

/* The reader goes while the writer still has much to say. */
static void maker_fails(void **state)
{
	(void)state;
	need_tools();
	_cleanup_err_ struct err e = ERR_INIT;
	assert_int_equal(build(write_rubbish, 0, false, &e), -1);
	assert_int_equal(e.kind, ERR_TOOL);
	assert_int_equal(strncmp(e.msg, "out.sqfs: sqfstar failed with exit status 1:", 44), 0);
	assert_false(path_exists(out));
}

/* An older result stays when a new one fails. */
static void old_result_stays(void **state)
{
	(void)state;
	need_tools();
	_cleanup_err_ struct err e = ERR_INIT;
	assert_int_equal(path_write(out, "old", 3, 0644, &e), 0);
	assert_int_equal(build(write_and_fail, 0, false, &e), -1);
	_cleanup_free_ char *text = path_read(out, 10, NULL, &e);
	assert_string_equal(text, "old");
	unlink(out);
}

static void no_maker(void **state)
{
	(void)state;
	const char *real = tools[0];
	tools[0] = dir;
	_cleanup_err_ struct err e = ERR_INIT;
	assert_int_equal(build(write_rubbish, 0, false, &e), -1);
	tools[0] = real;
	assert_int_equal(e.kind, ERR_TOOL);
	assert_string_equal(e.msg, "out.sqfs: sqfstar: program not found");
	assert_false(path_exists(out));
}

static void no_place(void **state)
{
	(void)state;
	_cleanup_err_ struct err e = ERR_INIT;
	struct squash_opts o = {.tools = tools, .out = "/nonexistent/out.sqfs"};
	struct squash_stat stat;
	assert_int_equal(squash_build(&o, write_some, NULL, &stat, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.msg, "/nonexistent"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(same_bytes),
		TEST(writer_fails),
		TEST(writer_vanishes),
		TEST(lost_file),
		TEST(maker_fails),
		TEST(old_result_stays),
		TEST(no_maker),
		TEST(no_place),
	};
	return cmocka_run_group_tests_name("squashfs", tests, NULL, NULL);
}
