/* TOML and INI as rendered files may be, and the exact complaints about what is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "plan/template.h"
#include "plan/toml.h"
#include <cmocka.h>

static void good(const char *text)
{
	unsigned line = 0;
	const char *problem = "";
	if (toml_check(text, &line, &problem) < 0)
		fail_msg("line %u: %s, of: %s", line, problem, text);
}

static void bad(const char *text, unsigned want_line, const char *want)
{
	unsigned line = 0;
	const char *problem = "";
	assert_int_equal(toml_check(text, &line, &problem), -1);
	assert_string_equal(problem, want);
	assert_int_equal(line, want_line);
}

static void test_toml(void **state)
{
	(void)state;
	good("");
	good("# only a comment");
	good("a = 1\nb.c = \"x\"\n'd e' = 'raw \\'\n\"f\" = true # so\n");
	good("[server]\nport = 8_080\nwhen = 1979-05-27T07:32:00Z\nratio = -0.5e3\nhex = 0xff\nmax = +inf\n");
	good("[[list.of.tables]]\nitems = [1, 2,\n  [\"x\"], # inner\n]\n[a.\"b.c\"]\n");
	good("t = {x = 1, y = {z = []}}\r\n");
	good("m = \"\"\"\nline\\\n  more \\u00e9\n\"\"\"\nl = '''\nraw \\ here'''\n");
	bad("a\n", 1, "expected '=' after a key");
	bad("= 1\n", 1, "expected a key");
	bad("a = text\n", 1, "expected a value (texts are quoted)");
	good("d = 1979-05-27\nt = 07:32:00.25\ne = 1e-9\no = 0o17\n");
	bad("a = 192.0.2.11\n", 1, "expected a value (texts are quoted)");
	bad("a = 1.\n", 1, "expected a value (texts are quoted)");
	bad("a = 1e\n", 1, "expected a value (texts are quoted)");
	bad("a = 1\nb = \n", 2, "expected a value (texts are quoted)");
	bad("a = \"open\nb = 1\n", 1, "a string without its end");
	bad("a = '''open\n\n", 3, "a string without its end");
	bad("a = \"\\q\"\n", 1, "an unknown escape in a string");
	bad("a = [1 2]\n", 1, "expected ',' or ']'");
	bad("a = {x = 1\n}\n", 1, "expected ',' or '}'");
	bad("[table\na = 1\n", 1, "a table's name without its ']'");
	bad("a = 1 b = 2\n", 1, "something follows the value");
	bad("a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 1, "nested too deeply");
}

static void ini(const char *text, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	unsigned lines[] = {1, 2, 3, 4, 5, 6};
	struct rendered map = {.v = lines, .n = 6};
	int r = rendered_check("/etc/x.ini", "x.ini.in", text, &map, &err);
	assert_int_equal(r, want ? -1 : 0);
	if (want)
		assert_string_equal(err.msg, want);
}

static void test_ini(void **state)
{
	(void)state;
	ini("# c\n; c\n[a b]\nk = v\n  goes on\nx: ${address:y}\n", NULL);
	ini("k = v\n\n[s\n", "x.ini.in:3: what is rendered is not INI: a section without its ']'");
	ini("k\n", "x.ini.in:1: what is rendered is not INI: expected 'key = value'");
	ini("= v\n", "x.ini.in:1: what is rendered is not INI: expected 'key = value'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_toml), cmocka_unit_test(test_ini)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
