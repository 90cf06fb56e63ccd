/* A scenario's visit: what the program is told, what its end means, and that it leaves nothing running. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "vm/play.h"
#include <string.h>
#include <unistd.h>

/* A machine without a machine: it has a CA and says a line on its console. Programs run right here. */
static unsigned lines;

static int works(struct guest *g, struct err *err)
{
	(void)err;
	g->own = g;
	if (g->ports[0].guest)
		g->ports[0].host = 40443;
	lines = 1;
	return 0;
}

static enum vm_end running(struct guest *g)
{
	(void)g;
	return VM_RUNNING;
}

static int exec(
	struct guest *g, const char *const *argv, uint64_t timeout_ms, struct strbuf *out, int *status, struct err *err)
{
	(void)g, (void)timeout_ms, (void)err;
	*status = strcmp(argv[1], "/run/kiln/ca.crt");
	strbuf_adds(out, "the CA\n");
	return 0;
}

static int beside(struct guest *g, struct strvec *prefix, const char **address, struct err *err)
{
	(void)g, (void)err;
	strvec_addl(prefix, "env", "PREFIXED=yes", NULL);
	*address = "127.0.0.9";
	return 0;
}

static const char *silent(struct guest *g)
{
	(void)g;
	return NULL;
}

static const char *console(struct guest *g)
{
	(void)g;
	return lines ? lines--, "first password: abc" : NULL;
}

static void nothing(struct guest *g)
{
	(void)g;
}

static const char program[] = "#!/bin/sh\n"
			      "echo \"$KILN_ADDRESS $KILN_PORTS $KILN_SCENARIO $PREFIXED $(cat \"$KILN_CA\") $(cat "
			      "\"$KILN_CONSOLE\") ${OTHER-gone}\"\n"
			      "echo picture x-1.png\n"
			      "echo picture ../x-2.png\n"
			      "[ ! -e \"$HOME/kept\" ] || echo kept\n"
			      "touch \"$HOME/kept\" \"$KILN_REPORT/x-1.png\"\n"
			      "[ \"$1\" = well ]\n";

static const struct guest_engine engine;

static void play(struct casefile_dir *d, const char *steps, const unsigned *ports, struct verdict *v)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	_cleanup_free_ char *text = xasprintf("scenario: x\nsummary: x\nsteps:\n  - boot: {}\n%s", steps);
	_cleanup_free_ char *dir = path_join(d->dir, "machine");
	assert_int_equal(path_write("x.yaml", text, strlen(text), 0644, &err), 0);
	assert_int_equal(path_write("visitor", program, strlen(program), 0755, &err), 0);
	assert_int_equal(path_mkdirs(dir, &err), 0);
	const struct scenario *s = scenario_load(&arena, "x.yaml", "x.yaml", &err);
	if (!s)
		fail_msg("%s", err.msg);
	const struct guest_spec spec = {.dir = dir, .report = d->dir, .arch = "amd64", .ports = ports};
	if (play_scenario(s, &engine, &spec, v, &err) < 0)
		fail_msg("%s", err.msg);
	arena_release(&arena);
}

static const struct guest_engine engine = {.name = "here",
	.fresh = works,
	.start = works,
	.look = running,
	.cut = nothing,
	.exec = exec,
	.beside = beside,
	.report_line = silent,
	.console_line = console,
	.release = nothing};

static void test_told(void **state)
{
	(void)state;
	struct casefile_dir d = casefile_enter();
	struct verdicts vs = {0};
	struct verdict *v = verdicts_add(&vs, "p", "x", "x", "here");
	static const unsigned ports[] = {443, 80, 0};
	setenv("OTHER", "leaked", 1);
	play(&d, "  - visit: {command: [visitor, well]}\n  - visit: {command: [visitor, ill]}\n", ports, v);
	assert_int_equal(v->n, 3);
	assert_string_equal(v->steps[1].name, "visit visitor");
	assert_int_equal(v->steps[1].outcome, VERDICT_PASSED);
	assert_int_equal(v->steps[2].outcome, VERDICT_FAILED);
	static const char why[] =
		"it found fault\n127.0.0.9 443=40443 80=80 x yes the CA first password: abc gone\npicture x-1.png\n"
		"picture ../x-2.png\nkept\n";
	assert_string_equal(v->steps[2].detail, why);
	assert_int_equal(v->screenshots.n, 2);
	assert_string_equal(v->screenshots.v[0], "x-1.png");
	assert_string_equal(v->screenshots.v[1], "x-1.png");
	verdicts_release(&vs);
	casefile_leave(&d);
}

static void test_cannot(void **state)
{
	(void)state;
	struct casefile_dir d = casefile_enter();
	struct verdicts vs = {0};
	struct verdict *v = verdicts_add(&vs, "p", "x", "x", "here");
	static const unsigned ports[] = {443, 0};
	play(&d, "  - visit: {command: [nobody]}\n", ports, v);
	assert_int_equal(v->steps[1].outcome, VERDICT_FAILED);
	assert_non_null(strstr(v->steps[1].detail, "/nobody"));
	struct verdict *other = verdicts_add(&vs, "p", "x", "x", "here");
	play(&d, "  - visit: {command: [visitor, well]}\n", NULL, other);
	assert_int_equal(other->steps[1].outcome, VERDICT_FAILED);
	assert_string_equal(other->steps[1].detail, "it is not known to publish a port");
	verdicts_release(&vs);
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_told), cmocka_unit_test(test_cannot)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
