/*
 * The negative corpus of profiles and overlays: builder/tests/corpus/plan/NAME.case holds files ("-- PATH --" begins
 * one) over those of `common`, and as its last file `expect`: the kind of the error, its exact text, and its hint. With
 * KILN_UPDATE_GOLDEN set, `expect` is written anew, to be read before it is committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "casefile.h"
#include "plan/appliance.h"
#include <cmocka.h>
#include <dirent.h>

#define CORPUS "builder/tests/corpus/plan"

static char *corpus; /* absolute */

static char *describe(const struct err *err)
{
	return xasprintf("-- expect --\n%s\n%s\n%s%s%s", err_kind_name(err->kind), err->msg, err->hint ? "hint: " : "",
		err->hint ? err->hint : "", err->hint ? "\n" : "");
}

static char *read_case(const char *name)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(corpus, name);
	char *text = path_read(path, 1 << 20, NULL, &err);
	assert_non_null(text);
	return text;
}

static void run_case(void **state)
{
	const char *name = *state;
	_cleanup_err_ struct err err = ERR_INIT, scrap = ERR_INIT;
	_cleanup_free_ char *common = read_case("common"), *text = read_case(name);
	struct casefile_dir dir = casefile_enter();
	casefile_unpack(common, NULL);
	const char *expect = casefile_unpack(text, "expect");
	struct appliance *a = appliance_load("profile.yaml", &err);
	casefile_leave(&dir);
	if (a) {
		appliance_free(a);
		fail_msg("%s: the plan was accepted", name);
	}
	_cleanup_free_ char *got = describe(&err);
	if (getenv("KILN_UPDATE_GOLDEN")) {
		_cleanup_free_ char *path = path_join(corpus, name);
		_cleanup_free_ char *all = xasprintf("%.*s%s", (int)(expect - text), text, got);
		assert_int_equal(path_write(path, all, strlen(all), 0644, &scrap), 0);
		return;
	}
	assert_string_equal(got, expect);
}

int main(void)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	corpus = realpath(CORPUS, NULL);
	DIR *d = corpus ? opendir(corpus) : NULL;
	if (!d) {
		fprintf(stderr, "run from the repository's root: no " CORPUS "\n");
		return 1;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (str_ends(e->d_name, ".case"))
			strvec_add(&names, e->d_name);
	closedir(d);
	strvec_sort(&names);
	setenv("KILN_DATA", "/nonexistent", 1);
	struct CMUnitTest *tests = xcalloc(names.n + 1, sizeof *tests);
	for (size_t i = 0; i < names.n; i++)
		tests[i] = (struct CMUnitTest){.name = names.v[i], .test_func = run_case, .initial_state = names.v[i]};
	int r = _cmocka_run_group_tests("plan corpus", tests, names.n, NULL, NULL);
	free(tests);
	free(corpus);
	return r;
}
