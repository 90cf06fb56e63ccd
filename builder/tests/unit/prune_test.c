/* What goes from the cache and what stays: by age, by size, the longest unused first, files that entries share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "steps/prune.h"
#include "tree/namespace.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define STEP(name, c) "cache/steps/" name "-" HEX(c)
#define OF_64(part, c) "cache/" part "/" HEX(c) HEX(c)

enum { DAY = 24 * 3600, MIB = 1 << 20 };

static void works(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->msg);
}

static void put(const char *path, size_t size)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_dir(path), *bytes = xmalloc(size);

	memset(bytes, 'x', size);
	works(path_mkdirs(dir, &err), &err);
	works(path_write(path, bytes, size, 0644, &err), &err);
}

/* Last used so many days ago. */
static void age(const char *path, int days)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - days * DAY}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void share(const char *from, const char *to)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_dir(to);

	works(path_mkdirs(dir, &err), &err);
	assert_int_equal(link(from, to), 0);
}

struct pruned {
	char *removed;
	struct prune_result r;
};

static struct pruned prune(int unused_days, uint64_t max_size, bool dry_run)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL;
	struct prune_opts o = {.before = unused_days < 0 ? 0
					 : unused_days	 ? time(NULL) - unused_days * DAY
							 : PRUNE_ALL,
		.max_size = max_size,
		.dry_run = dry_run};
	struct pruned p;

	works(cache_open("cache", ns_remove, &c, &err), &err);
	works(prune_cache(c, &o, &p.r, &err), &err);
	p.removed = strvec_join(&p.r.removed, "\n");
	prune_release(&p.r);
	return p;
}

static void assert_removed(struct pruned p, const char *want)
{
	assert_string_equal(p.removed, want);
	free(p.removed);
}

/* What directories need on this file system is not of interest: in whole MiB. */
static void assert_mib(uint64_t bytes, unsigned want)
{
	assert_int_equal((bytes + MIB / 4) / MIB, want);
}

static void make_cache(void)
{
	put(OF_64("sha256", "a"), 3 * MIB);
	age(OF_64("sha256", "a"), 50);
	put(OF_64("sha256", "b"), MIB);
	age(OF_64("sha256", "b"), 2);
	put(STEP("one", "1") "/out", 4 * MIB);
	age(STEP("one", "1"), 40);
	put(STEP("two", "2") "/out", 2 * MIB);
	age(STEP("two", "2"), 20);
	put("cache/apt/0123456789abcdef/state/lists/index", MIB);
	age("cache/apt/0123456789abcdef", 35);
	put("cache/keys/modules.pem", MIB);
	age("cache/keys/modules.pem", 900);
	put("cache/steps/notes.txt", MIB);
	age("cache/steps/notes.txt", 900);
}

static void test_age(void **state)
{
	struct casefile_dir d = casefile_enter();

	(void)state;
	make_cache();
	static const char gone[] = "sha256/" HEX("a") HEX("a") "\nsteps/one-" HEX("1") "\napt/0123456789abcdef";
	struct pruned p = prune(30, UINT64_MAX, true);
	assert_removed(p, gone);
	assert_int_equal(p.r.kept, 2);
	assert_mib(p.r.freed, 8);
	assert_mib(p.r.size, 3);
	assert_true(path_exists(STEP("one", "1") "/out"));

	p = prune(30, UINT64_MAX, false);
	assert_removed(p, gone);
	assert_mib(p.r.freed, 8);
	assert_false(path_exists(OF_64("sha256", "a")));
	assert_false(path_exists(STEP("one", "1")));
	assert_false(path_exists("cache/apt/0123456789abcdef"));
	assert_false(path_exists("cache/tmp/removed"));
	assert_true(path_exists(OF_64("sha256", "b")));
	assert_true(path_exists(STEP("two", "2") "/out"));
	assert_true(path_exists("cache/keys/modules.pem"));
	assert_true(path_exists("cache/steps/notes.txt"));
	assert_removed(prune(30, UINT64_MAX, false), "");
	casefile_leave(&d);
}

static void test_size(void **state)
{
	struct casefile_dir d = casefile_enter();

	(void)state;
	make_cache();
	assert_removed(prune(-1, 12 * MIB, false), "");
	struct pruned p = prune(-1, 5 * MIB, false);
	assert_removed(p, "sha256/" HEX("a") HEX("a") "\nsteps/one-" HEX("1"));
	assert_mib(p.r.freed, 7);
	assert_mib(p.r.size, 4);
	p = prune(1, 5 * MIB, false); /* what is too old goes, too */
	assert_removed(p, "apt/0123456789abcdef\nsteps/two-" HEX("2") "\nsha256/" HEX("b") HEX("b"));
	assert_int_equal(p.r.kept, 0);
	assert_int_equal(p.r.size, 0);
	casefile_leave(&d);
}

/*
 * A tree's files are links to those of an unpacked package: they are freed with the last of the two, of which the
 * package goes last. Files that another cache shares are not freed at all.
 */
static void test_shared(void **state)
{
	struct casefile_dir d = casefile_enter();

	(void)state;
	put(OF_64("unpacked", "c") "/data/file", 4 * MIB);
	share(OF_64("unpacked", "c") "/data/file", STEP("tree-os", "3") "/lower/file");
	share(OF_64("unpacked", "c") "/data/file", STEP("tree-old", "4") "/lower/file");
	share(OF_64("unpacked", "c") "/data/file", STEP("tree-old", "4") "/lower/twin");
	put(STEP("tree-old", "4") "/upper/own", 2 * MIB);
	put(OF_64("unpacked", "d") "/data/file", MIB);
	share(OF_64("unpacked", "d") "/data/file", "elsewhere/file");
	age(OF_64("unpacked", "c"), 1);
	age(OF_64("unpacked", "d"), 80);
	age(STEP("tree-old", "4"), 70);
	age(STEP("tree-os", "3"), 1);

	struct pruned p = prune(30, UINT64_MAX, false);
	assert_removed(p, "unpacked/" HEX("d") HEX("d") "\nsteps/tree-old-" HEX("4"));
	assert_mib(p.r.freed, 2);
	assert_mib(p.r.size, 4);
	p = prune(0, UINT64_MAX, false);
	assert_removed(p, "steps/tree-os-" HEX("3") "\nunpacked/" HEX("c") HEX("c"));
	assert_mib(p.r.freed, 4);
	assert_int_equal(p.r.size, 0);
	casefile_leave(&d);
}

/* What a kiln finds in the cache is used. */
static void test_used(void **state)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL;

	(void)state;
	make_cache();
	works(cache_open("cache", ns_remove, &c, &err), &err);
	assert_true(cache_has(c, HEX("b") HEX("b"), MIB)); /* looking is none */
	cache_close(steal(c));
	cache_used(OF_64("sha256", "a"));
	cache_used(STEP("one", "1"));
	cache_used(STEP("none", "9"));
	assert_removed(
		prune(1, UINT64_MAX, false), "apt/0123456789abcdef\nsteps/two-" HEX("2") "\nsha256/" HEX("b") HEX("b"));
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_age), cmocka_unit_test(test_size),
		cmocka_unit_test(test_shared), cmocka_unit_test(test_used)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
