/* Cuts at random moments: from a seed, so often, with what the machine was at; what ends before its moment is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "vm/play.h"
#include <string.h>

/* A machine without a machine, that tells one thing at every start. */
static const char *report;
static enum vm_end end;
static unsigned machines, starts, cuts, told;

static int fresh(struct guest *g, struct err *err)
{
	(void)err;
	g->own = g;
	machines++;
	return 0;
}

static int start(struct guest *g, struct err *err)
{
	(void)g, (void)err;
	starts++;
	told = 0;
	return 0;
}

static enum vm_end look(struct guest *g)
{
	(void)g;
	return end;
}

static void cut(struct guest *g)
{
	(void)g;
	cuts++;
}

static const char *report_line(struct guest *g)
{
	(void)g;
	return told++ ? NULL : report;
}

static const char *silent(struct guest *g)
{
	(void)g;
	return NULL;
}

static void nothing(struct guest *g)
{
	(void)g;
}

static const struct guest_engine engine = {.name = "here",
	.fresh = fresh,
	.start = start,
	.look = look,
	.cut = cut,
	.report_line = report_line,
	.console_line = silent,
	.release = nothing};

/* Plays one cut after a boot; the detail of its step, which the caller frees. */
static char *play(const char *step, uint64_t seed, enum verdict_outcome want)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct verdicts vs = {0};
	struct verdict *v = verdicts_add(&vs, "p", "x", "x", "here");
	_cleanup_free_ char *text = xasprintf("scenario: x\nsummary: x\nsteps:\n  - boot: {}\n  - cut: %s\n", step);
	_cleanup_free_ char *dir = path_join(d.dir, "machine");
	assert_int_equal(path_write("x.yaml", text, strlen(text), 0644, &err), 0);
	assert_int_equal(path_mkdirs(dir, &err), 0);
	const struct scenario *s = scenario_load(&arena, "x.yaml", "x.yaml", &err);
	if (!s)
		fail_msg("%s", err.msg);
	machines = starts = cuts = 0;
	const struct guest_spec spec = {.dir = dir, .report = d.dir, .arch = "amd64", .seed = seed};
	if (play_scenario(s, &engine, &spec, v, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(v->n, 2);
	assert_int_equal(v->steps[1].outcome, want);
	char *detail = xstrdup(v->steps[1].detail ? v->steps[1].detail : "");
	arena_release(&arena);
	verdicts_release(&vs);
	casefile_leave(&d);
	return detail;
}

static void test_random(void **state)
{
	(void)state;
	end = VM_RUNNING;
	report = "{\"state\": \"starting\", \"services\": [{\"health\": \"healthy\"}, {\"health\": \"starting\"}], "
		 "\"provision\": [{\"id\": \"db\", \"state\": \"done\"}, {\"id\": \"web.db\", \"state\": \"running\"}, "
		 "{}]}";
	_cleanup_free_ char *one = play("{random: 200ms, times: 4}", 7, VERDICT_PASSED);
	assert_int_equal(starts, 4);
	assert_int_equal(cuts, 4);
	const char *line = one;
	assert_true(str_starts(line, "seed 7\n1: after "));
	for (int i = 0; i < 4; i++) {
		static const double least[] = {0.06, 0.05, 0.08, 0.15}; /* what erand48 makes of 7, of 200 ms */
		double at = -1;
		line = strchr(line, '\n') + 1;
		assert_int_equal(sscanf(line, "%*d: after %lf s, 1 of 2 services healthy", &at), 1);
		assert_true(at > least[i] - 0.051 && at < 60);
	}
	assert_true(str_ends(one, " s, 1 of 2 services healthy, 1 of 3 provisioned, at web.db"));
	report = NULL;
	_cleanup_free_ char *once = play("{random: 1ms}", 7, VERDICT_PASSED);
	assert_int_equal(cuts, 1);
	assert_true(str_starts(once, "seed 7\n1: after 0.0 s, nothing was reported yet"));
}

/* Each seed has moments of its own, and the same ones again. */
static void test_seed(void **state)
{
	static const uint64_t seeds[] = {0, 1, 1};

	(void)state;
	end = VM_RUNNING;
	report = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
		_cleanup_free_ char *text = play("{random: 2s}", seeds[i], VERDICT_PASSED);
		const char *at = strstr(text, "1: after ");
		double seconds = at ? strtod(at + 9, NULL) : -1;
		assert_true(seeds[i] ? seconds >= 1.75 && seconds < 60 : seconds >= 0 && seconds < 1);
	}
}

/* Its first boot is over before the moment: another machine's is cut, at a moment before that time. */
static void test_ready(void **state)
{
	(void)state;
	end = VM_RUNNING;
	report = "{\"state\": \"ready\", \"services\": [], \"provision\": []}";
	_cleanup_free_ char *text = play("{random: 1h, times: 2}", 1, VERDICT_PASSED);
	assert_true(machines >= 2 && starts == machines + 1 && cuts == machines + 1);
	assert_true(str_starts(text, "seed 1\n1: after 0.0 s, ready, so a new one; after 0.0 s, "));
	assert_non_null(strstr(text, "\n2: after 0.0 s, "));
}

static void test_ended(void **state)
{
	(void)state;
	end = VM_PANIC;
	report = NULL;
	_cleanup_free_ char *text = play("{random: 1h, times: 2}", 1, VERDICT_FAILED);
	assert_string_equal(text, "the machine panicked\nbefore cut 1 of 2\nseed 1\n1: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_seed),
		cmocka_unit_test(test_ready), cmocka_unit_test(test_ended)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
