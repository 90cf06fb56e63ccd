/* The cache: entries by content, leftovers swept by the only kiln, corruption noticed. */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/cache.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *top;

static int setup(void **state)
{
	struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	top = path_tempdir(tmp ? tmp : "/tmp", "kiln-cache-", &err);
	return !top;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	path_remove(top, &err);
	free(top);
	return 0;
}

static struct cache *opened(const char *name)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_join(top, name);
	struct cache *c = NULL;

	if (cache_open(dir, NULL, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void put(const struct cache *c, const char *relative, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = cache_path(c, relative);

	assert_int_equal(path_write(path, text, strlen(text), 0644, &err), 0);
}

static bool has(const struct cache *c, const char *relative)
{
	_cleanup_free_ char *path = cache_path(c, relative);

	return path_exists(path);
}

static void test_default_place(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct cache *c = NULL;

	(void)state;
	setenv("XDG_CACHE_HOME", top, 1);
	assert_int_equal(cache_open(NULL, NULL, &c, &err), 0);
	_cleanup_free_ char *want = path_join(top, "kiln");
	assert_string_equal(cache_dir(c), want);
	cache_close(c);
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", top, 1);
	assert_int_equal(cache_open(NULL, NULL, &c, &err), 0);
	_cleanup_free_ char *home = path_join(top, ".cache/kiln");
	assert_string_equal(cache_dir(c), home);
	cache_close(c);
	unsetenv("HOME");
	assert_int_equal(cache_open(NULL, NULL, &c, &err), -1);
	assert_string_equal(err.msg, "no place for the cache: neither XDG_CACHE_HOME nor HOME is set");
	_cleanup_free_ char *file = path_join(top, "file");
	assert_int_equal(path_write(file, "", 0, 0644, &err), 0);
	assert_int_equal(cache_open(file, NULL, &c, &err), -1);
	_cleanup_free_ char *message = xasprintf("cache: make directory %s: Not a directory", file);
	assert_string_equal(err.msg, message);
}

static void test_entries(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = opened("entries");
	_cleanup_free_ char *source = path_join(top, "source"), *blob = NULL, *rel = NULL;
	char hex[HASH_HEX];

	(void)state;
	assert_int_equal(path_write(source, "hello", 5, 0644, &err), 0);
	assert_int_equal(cache_add_file(c, source, hex, &err), 0);
	assert_string_equal(hex, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	assert_true(cache_has(c, hex, 5));
	assert_false(cache_has(c, hex, 6));
	assert_int_equal(cache_verify(c, hex, 5, &err), 1);
	blob = cache_blob_path(c, hex);
	rel = xasprintf("sha256/%s", hex);

	/* the same size, other bytes: only reading tells */
	put(c, rel, "jello");
	assert_true(cache_has(c, hex, 5));
	assert_int_equal(cache_verify(c, hex, 5, &err), 0);
	assert_false(path_exists(blob));
	assert_int_equal(cache_verify(c, hex, 5, &err), 0);

	put(c, rel, "hell");
	assert_false(cache_has(c, hex, 5));
	assert_int_equal(cache_verify(c, hex, 5, &err), 0);
	assert_false(path_exists(blob));

	/* something that is no file */
	assert_int_equal(mkdir(blob, 0755), 0);
	assert_false(cache_has(c, hex, 5));
	assert_int_equal(cache_verify(c, hex, 5, &err), 0);
	assert_false(path_exists(blob));

	_cleanup_free_ char *missing = path_join(top, "missing");
	_cleanup_free_ char *message = xasprintf("open %s: No such file or directory", missing);
	assert_int_equal(cache_add_file(c, missing, hex, &err), -1);
	assert_string_equal(err.msg, message);
}

/* Leftovers go when nobody else runs; not while another kiln may be at work on them. */
static void test_sweep(void **state)
{
	struct cache *first = opened("sweep"), *second;

	(void)state;
	put(first, "tmp/left", "x");
	put(first, "partial/new", "x");
	put(first, "partial/old", "x");
	_cleanup_free_ char *old = cache_path(first, "partial/old");
	struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);

	second = opened("sweep");
	assert_true(has(second, "tmp/left"));
	assert_true(has(second, "partial/old"));
	cache_close(second);
	cache_close(first);

	second = opened("sweep");
	assert_false(has(second, "tmp/left"));
	assert_false(has(second, "partial/old"));
	assert_true(has(second, "partial/new"));
	cache_close(second);
}

static unsigned asked;

static int refuse(const char *path, struct err *err)
{
	asked++;
	return err_sys(err, EPERM, "remove %s", path);
}

static void test_sweep_by_caller(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct cache *c = opened("by-caller");

	(void)state;
	put(c, "tmp/tree-1", "x");
	_cleanup_free_ char *dir = xstrdup(cache_dir(c));
	cache_close(c);
	assert_int_equal(cache_open(dir, refuse, &c, &err), 0);
	assert_int_equal(asked, 1);
	assert_true(has(c, "tmp/tree-1"));
	cache_close(c);
}

static void test_tmp(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = opened("tmp");
	int fd = -1;
	_cleanup_free_ char *dir = cache_tmp_dir(c, "tree", &err), *file = cache_tmp_file(c, "part", &fd, &err);

	(void)state;
	assert_true(path_is_dir(dir));
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	assert_int_equal(
		cache_adopt(c, file, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &err), 0);
	assert_false(path_exists(file));
	assert_int_equal(
		cache_verify(c, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3, &err), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_place),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_sweep_by_caller),
		cmocka_unit_test(test_tmp),
	};

	log_set(LOG_QUIET);
	return cmocka_run_group_tests(tests, setup, teardown);
}
