/* Data roots: the nearest overlay wins, the installed data come last, and names are shown as people see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "config/roots.h"
#include <cmocka.h>

static const char tree[] = "-- outer/overlays/data/db/service.yaml --\nouter\n"
			   "-- outer/overlays/data/cache/service.yaml --\nouter\n"
			   "-- outer/firmware/cloud.yaml --\nouter\n"
			   "-- outer/site/overlays/ai/db/service.yaml --\nsite\n"
			   "-- outer/site/profiles/p.yaml --\nprofile: p\n"
			   "-- installed/overlays/edge/front/service.yaml --\ninstalled\n"
			   "-- installed/overlays/edge/cache/service.yaml --\ninstalled\n"
			   "-- installed/profiles/core.yaml --\nprofile: core\n"
			   "-- empty/p.yaml --\nprofile: p\n";

static void test_order(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct roots roots;
	struct found f;
	struct casefile_dir dir = casefile_enter();
	casefile_unpack(tree, NULL);
	_cleanup_free_ char *installed = realpath("installed", NULL);
	setenv("KILN_DATA", installed, 1);
	assert_int_equal(roots_find(&arena, "outer/site/profiles/p.yaml", &roots, &err), 0);
	assert_int_equal(roots.n, 3);
	assert_string_equal(roots.v[0].shown, "outer/site");
	assert_string_equal(roots.v[1].shown, "outer");
	assert_string_equal(roots.v[2].shown, "installed");
	assert_int_equal(roots_service(&roots, &arena, "db", &f), 1);
	assert_string_equal(f.shown, "outer/site/overlays/ai/db/service.yaml");
	assert_string_equal(f.layer, "ai");
	assert_null(f.also);
	assert_int_equal(roots_service(&roots, &arena, "cache", &f), 1);
	assert_string_equal(f.shown, "outer/overlays/data/cache/service.yaml");
	assert_int_equal(roots_service(&roots, &arena, "front", &f), 1);
	assert_int_equal(roots_service(&roots, &arena, "nobody", &f), 0);
	assert_int_equal(roots_yaml(&roots, &arena, "firmware", "cloud", &f), 1);
	assert_string_equal(f.shown, "outer/firmware/cloud.yaml");
	const char *const *names = roots_services(&roots, &arena);
	assert_string_equal(names[0], "cache");
	assert_string_equal(names[1], "db");
	assert_string_equal(names[2], "front");
	assert_null(names[3]);
	names = roots_names(&roots, &arena, "profiles");
	assert_string_equal(names[0], "core");
	assert_string_equal(names[1], "p");
	assert_null(names[2]);
	/* From inside a root it is not named at all. */
	assert_int_equal(chdir("outer"), 0);
	assert_int_equal(roots_find(&arena, "site/profiles/p.yaml", &roots, &err), 0);
	assert_string_equal(roots.v[1].shown, "");
	assert_int_equal(roots_service(&roots, &arena, "cache", &f), 1);
	assert_string_equal(f.shown, "overlays/data/cache/service.yaml");
	casefile_leave(&dir);
	arena_release(&arena);
}

static void test_none(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct roots roots;
	struct casefile_dir dir = casefile_enter();
	casefile_unpack(tree, NULL);
	setenv("KILN_DATA", "/nonexistent", 1);
	assert_int_equal(roots_find(&arena, "empty/p.yaml", &roots, &err), -1);
	assert_string_equal(err.msg, "no directory above empty/p.yaml holds overlays/, and nothing is installed");
	assert_string_equal(err.hint, "work in a checkout of kiln, or set KILN_DATA to one");
	err_release(&err);
	assert_int_equal(roots_find(&arena, "nowhere/p.yaml", &roots, &err), -1);
	assert_string_equal(err.msg, "nowhere: No such file or directory");
	casefile_leave(&dir);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
