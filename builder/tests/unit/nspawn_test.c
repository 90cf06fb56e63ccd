/* A machine that systemd-nspawn does not run: the verdict has nspawn's own words. Real nspawn, real loop devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "vm/play.h"
#include <string.h>
#include <unistd.h>

/* Is there all that the engine needs? A container may well have root and no loop device. */
static bool possible(void)
{
	static const char *const programs[] = {"systemd-nspawn", "mksquashfs", "mke2fs", "unshare", "losetup"};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		_cleanup_free_ char *path = proc_which(programs[i]);
		if (!path)
			return false;
	}
	_cleanup_err_ struct err err = ERR_INIT;
	return geteuid() == 0 && proc_run((const char *const[]){"losetup", "--find", NULL}, NULL, &err) == 0;
}

static void squash(const char *dir, const char *to)
{
	_cleanup_err_ struct err err = ERR_INIT;

	assert_int_equal(
		proc_run((const char *const[]){"mksquashfs", dir, to, "-quiet", "-no-progress", NULL}, NULL, &err), 0);
}

static void test_refused(void **state)
{
	(void)state;
	if (!possible())
		skip();
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	assert_int_equal(path_mkdirs("tree/usr/lib/kiln/store", &err), 0); /* no operating system */
	assert_int_equal(path_mkdirs("empty", &err), 0);
	squash("tree", "root.squashfs");
	squash("empty", "store.squashfs");
	static const char text[] = "scenario: x\nsummary: x\nsteps:\n  - boot: {}\n  - ready: {within: 60s}\n";
	assert_int_equal(path_write("x.yaml", text, strlen(text), 0644, &err), 0);
	_cleanup_free_ char *dir = path_join(d.dir, "machine"), *root = path_join(d.dir, "root.squashfs"),
			    *store = path_join(d.dir, "store.squashfs");
	assert_int_equal(path_mkdirs(dir, &err), 0);
	const struct scenario *s = scenario_load(&arena, "x.yaml", "x.yaml", &err);
	assert_non_null(s);
	struct guest_spec spec = {
		.dir = dir, .report = d.dir, .arch = "amd64", .disk = 64 << 20, .root = root, .store = store};
	struct verdicts vs = {0};
	struct verdict *v = verdicts_add(&vs, "none", "x", "x", "nspawn");
	if (play_scenario(s, &guest_nspawn, &spec, v, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(v->n, 2);
	assert_int_equal(v->steps[1].outcome, VERDICT_FAILED);
	const char *why = v->steps[1].detail;
	if (!strstr(why, "the machine is gone: systemd-nspawn failed with exit status 1:") ||
		!strstr(why, "doesn't look like an OS"))
		fail_msg("%s", why);
	verdicts_release(&vs);
	arena_release(&arena);
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
