/* The record of a directory, and the cache verified by it: damage of every sort is seen and removed, the rest stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "casefile.h"
#include "steps/graph.h"
#include "steps/verify.h"
#include "tree/namespace.h"
#include "tree/sum.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void works(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->msg);
}

static void put(const char *path, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_dir(path);

	works(path_mkdirs(dir, &err), &err);
	works(path_write(path, text, strlen(text), 0644, &err), &err);
}

static void set_time(const char *path, time_t t)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = t}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_tree(void)
{
	_cleanup_err_ struct err err = ERR_INIT;

	works(path_remove("d", &err), &err);
	put("d/lower/bin/a", "alpha");
	put("d/lower/bin/b", "beta");
	assert_int_equal(symlink("a", "d/lower/bin/link"), 0);
	works(path_mkdirs("d/upper/empty", &err), &err);
	static const char *const all[] = {"d/lower/bin/a", "d/lower/bin/b", "d/lower/bin/link", "d/lower/bin",
		"d/lower", "d/upper/empty", "d/upper", "d"};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		set_time(all[i], 1000000000);
}

static enum sum_state check(const char *dir)
{
	_cleanup_err_ struct err err = ERR_INIT;
	enum sum_state s = SUM_NONE;

	works(sum_check(dir, &s, &err), &err);
	return s;
}

static void content(void)
{
	int fd = open("d/lower/bin/a", O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 2), 1);
	close(fd);
	set_time("d/lower/bin/a", 1000000000);
}
static void mode(void)
{
	assert_int_equal(chmod("d/lower/bin/b", 04755), 0);
}
static void later(void)
{
	set_time("d/lower/bin/b", 1000000001);
}
static void target(void)
{
	assert_int_equal(unlink("d/lower/bin/link"), 0);
	assert_int_equal(symlink("b", "d/lower/bin/link"), 0);
	set_time("d/lower/bin/link", 1000000000);
	set_time("d/lower/bin", 1000000000);
}
static void gone(void)
{
	assert_int_equal(rmdir("d/upper/empty"), 0);
	set_time("d/upper", 1000000000);
}
static void moved(void)
{
	assert_int_equal(rename("d/upper/empty", "d/lower/empty"), 0);
	set_time("d/upper", 1000000000);
	set_time("d/lower", 1000000000);
}
static void added(void)
{
	put("d/lower/bin/sum", "only the one at the top is left out");
	set_time("d/lower/bin", 1000000000);
}
static void empty_record(void)
{
	assert_int_equal(truncate("d/sum", 0), 0);
}

static void test_record(void **state)
{
	static void (*const damage[])(void) = {content, mode, later, target, gone, moved, added, empty_record};
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	char first[HASH_HEX], again[HASH_HEX];

	(void)state;
	make_tree();
	assert_int_equal(check("d"), SUM_NONE);
	works(sum_of("d", first, &err), &err);
	works(sum_record("d", &err), &err); /* which changes the time of d, and has a place in it */
	assert_int_equal(chmod("d", 0700), 0);
	assert_int_equal(check("d"), SUM_HOLDS);
	works(sum_of("d", again, &err), &err);
	assert_string_equal(first, again);
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		make_tree();
		works(sum_record("d", &err), &err);
		assert_int_equal(check("d"), SUM_HOLDS);
		damage[i]();
		if (check("d") != SUM_DAMAGED)
			fail_msg("damage %zu was not seen", i);
	}
	casefile_leave(&d);
}

static int make(const struct step *s, const char *dir, struct err *err)
{
	_cleanup_free_ char *file = path_join(dir, "out");

	return path_write(file, s->name, strlen(s->name), 0644, err);
}

static void make_steps(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = realpath("cache", NULL);
	struct graph g = {.cache = dir, .jobs = 1};
	struct step *one = graph_add(&g, "one", "a step"), *two = graph_add(&g, "two-part", "a step");

	memset(one->key, '1', 64);
	memset(two->key, '2', 64);
	one->make = two->make = make;
	works(graph_run(&g, (struct step *const[]){one, two, NULL}, &err), &err);
	graph_release(&g);
}

#define STEP_1 "cache/steps/one-11111111111111111111111111111111"
#define STEP_2 "cache/steps/two-part-22222222222222222222222222222222"
#define PACKAGE "cache/unpacked/3333333333333333333333333333333333333333333333333333333333333333"

static void assert_damaged(const struct verify_result *r, const char *want)
{
	_cleanup_free_ char *got = strvec_join(&r->damaged, "\n");

	assert_string_equal(got, want);
}

static void test_cache(void **state)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL;
	struct verify_result r;
	char hex[HASH_HEX], rotten[HASH_HEX];

	(void)state;
	assert_false(cache_is_there("cache"));
	works(cache_open("cache", ns_remove, &c, &err), &err);
	assert_true(cache_is_there("cache"));
	put("file", "a download");
	works(cache_add_file(c, "file", hex, &err), &err);
	put("file", "another one");
	works(cache_add_file(c, "file", rotten, &err), &err);
	make_steps();
	put(PACKAGE "/data/x", "x");
	works(sum_record(PACKAGE, &err), &err);
	put("cache/steps/old-44444444444444444444444444444444/out", "of a kiln that left no record");
	put("cache/steps/notes.txt", "not kiln's");
	put("cache/sha256/README", "not kiln's");

	works(verify_cache(c, 2, &r, &err), &err);
	assert_damaged(&r, "");
	assert_int_equal(r.downloads, 2);
	assert_int_equal(r.unpacked, 1);
	assert_int_equal(r.steps, 3);
	assert_int_equal(r.unrecorded, 1);
	verify_release(&r);

	_cleanup_free_ char *blob = cache_blob_path(c, rotten);
	assert_int_equal(truncate(blob, 4), 0);
	put(STEP_2 "/out", "");
	put(PACKAGE "/data/x", "y");
	works(verify_cache(c, 2, &r, &err), &err);
	_cleanup_free_ char *want = xasprintf("sha256/%s\n%s\n%s", rotten, &STEP_2[6], &PACKAGE[6]);
	assert_damaged(&r, want);
	verify_release(&r);
	assert_false(path_exists(blob));
	assert_false(path_exists(STEP_2));
	assert_false(path_exists(PACKAGE));
	assert_true(path_exists(STEP_1 "/out"));
	assert_true(cache_has(c, hex, 10));
	assert_true(path_exists("cache/steps/notes.txt"));

	make_steps(); /* what was removed is made again, and nothing else */
	works(verify_cache(c, 1, &r, &err), &err);
	assert_damaged(&r, "");
	assert_int_equal(r.steps, 3);
	verify_release(&r);
	cache_close(steal(c));
	casefile_leave(&d);
}

/* While another kiln holds the cache nobody may be alone in it, and the failed try gives nothing up. */
static void test_alone(void **state)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL, *other = NULL;

	(void)state;
	works(cache_open("cache", NULL, &c, &err), &err);
	works(cache_open("cache", NULL, &other, &err), &err);
	assert_int_equal(cache_alone(c, &err), -1);
	_cleanup_free_ char *want = xasprintf("cache: another kiln is at work in %s", cache_dir(c));
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "try again when it has ended");
	err_release(&err);
	assert_int_equal(cache_alone(other, &err), -1); /* the first still holds its share */
	err_release(&err);
	cache_close(steal(other));
	works(cache_alone(c, &err), &err);
	cache_close(steal(c));
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record), cmocka_unit_test(test_cache), cmocka_unit_test(test_alone)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
