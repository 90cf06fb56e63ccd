/* Verdicts as JSON, JUnit and HTML: whatever the machine said, they stay well-formed and lose nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "vm/guest.h"
#include "vm/verdict.h"
#include <cmocka.h>
#include <string.h>

/* Markup, an escape sequence, other control characters, broken and overlong UTF-8, a surrogate, U+FFFE. */
#define HOSTILE "<b>&\"']]>\x1b[31mred\x1b[0m\x01\r\x7f\xff\xc0\xafz\xed\xa0\x80\xef\xbf\xbe\xc3\xa9\xe2\x82"
#define R "\xef\xbf\xbd"
#define PLAIN "<b>&\"']]>red" R R R R R R "z" R R R R R R "\xc3\xa9" R R
#define ESCAPED "&lt;b&gt;&amp;&quot;']]&gt;red" R R R R R R "z" R R R R R R "\xc3\xa9" R R

static void plain(const char *text, const char *want)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	strbuf_add_plain(&b, text);
	assert_string_equal(strbuf_cstr(&b), want);
}

static void test_plain(void **state)
{
	(void)state;
	plain("", "");
	plain("a\tb\nc", "a\tb\nc");
	plain(HOSTILE, PLAIN);
	plain("\x1b[1;32mok\x1b[0m \x1b(B\x1b[2J", "ok ");
	plain("\x1b]0;title\ax\x1b]0;title\x1b\\y", "xy");
	plain("\x1b]never ends\nnext", "\nnext");
	plain("\x1b", "");
	plain("a\x1b[", "a");
	plain("\x1b[31\xc3\xa9", "\xc3\xa9");
	plain("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
	plain("\xf4\x90\x80\x80", R R R R);
	plain("\xc2\x9b", R R); /* the one-character form of ESC [ */
}

static void fill(struct verdicts *vs)
{
	struct verdict *v = verdicts_add(vs, "p" HOSTILE, "s" HOSTILE, "sum" HOSTILE, "qemu");
	verdict_add_step(v, "one" HOSTILE, VERDICT_PASSED, 1.5, NULL);
	verdict_add_step(v, "two", VERDICT_FAILED, 2, "why" HOSTILE);
	verdict_add_step(v, "three", VERDICT_SKIPPED, 0, "no" HOSTILE);
	verdict_add_step(v, "four", VERDICT_PASSED, 0, "7 s" HOSTILE);
	verdict_add_console(v, "login:" HOSTILE);
	strvec_add(&v->screenshots, "a&b.png");
	v->seconds = 3.5;
	_cleanup_json_ json_t *boot =
		json_pack("{s:i, s:{s:i, s:i, s:i}, s:{s:i, s:i, s:i, s:i, s:i}, s:[{s:s, s:s, "
			  "s:s, s:{s:i, s:i}, s:[{s:s, s:i, s:i, s:{s:i}}, {s:s}]}], s:[{s:s, s:i, s:i, "
			  "s:[{s:s, s:i, s:i, s:s}, {s:s, s:i, s:s}]}]}",
			"ready_ms", 10000, "storage", "image_bytes", 0, "container_bytes", 2048, "other_bytes", 1048576,
			"boot", "before_kernel_ms", 700, "kernel_ms", 1000, "init_ms", 500, "root_at_ms", 200,
			"root_ms", 100, "services", "name", "<svc>", "layer", "edge", "health", "healthy", "memory",
			"used", 300 << 20, "limit", 1 << 30, "containers", "name", "<web>\x01", "started_ms", 2000,
			"healthy_ms", 4000, "memory", "used", 300 << 20, "name", "<more>", "provision", "id", "<prov>",
			"started_ms", 5000, "changed_ms", 8000, "steps", "name", "<step>", "at_ms", 5500, "ms", 1234,
			"how", "done", "name", "then", "ms", 100, "how", "done");
	assert_non_null(boot);
	verdict_add_boot(v, boot);
	v = verdicts_add(vs, "p", "skipped", "s", "nspawn");
	v->outcome = VERDICT_SKIPPED;
	verdicts_add(vs, "p", "good", "s", "nspawn");
}

static void test_json(void **state)
{
	struct verdicts vs = {0};

	(void)state;
	fill(&vs);
	_cleanup_json_ json_t *j = verdicts_json(&vs);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "passed")), 1);
	assert_int_equal(json_integer_value(json_object_get(j, "failed")), 1);
	assert_int_equal(json_integer_value(json_object_get(j, "skipped")), 1);
	json_t *first = json_array_get(json_object_get(j, "scenarios"), 0), *steps = json_object_get(first, "steps");
	assert_int_equal(json_array_size(json_object_get(j, "scenarios")), 3);
	assert_int_equal(json_array_size(steps), 4);
	assert_string_equal(json_string_value(json_object_get(first, "scenario")), "s" PLAIN);
	assert_string_equal(json_string_value(json_object_get(first, "outcome")), "failed");
	assert_string_equal(json_string_value(json_object_get(json_array_get(steps, 1), "detail")), "why" PLAIN);
	assert_true(json_is_null(json_object_get(json_array_get(steps, 0), "detail")));
	_cleanup_free_ char *text = json_canonical(j);
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_json_ json_t *again = json_parse(text, strlen(text), "verdict", &err);
	assert_true(json_equal(j, again));
	verdicts_release(&vs);
}

/* Nothing of the first try is left but its name. */
static void test_again(void **state)
{
	struct verdicts vs = {0};

	(void)state;
	fill(&vs);
	struct verdict *v = &vs.v[0];
	v->fault = "it was the engine";
	verdict_begin_again(v);
	assert_int_equal(v->n, 1);
	assert_int_equal(v->outcome, VERDICT_PASSED);
	assert_string_equal(v->steps[0].name, "played again");
	assert_string_equal(v->steps[0].detail, "it was the engine");
	assert_string_equal(v->scenario, "s" PLAIN);
	assert_null(v->fault);
	assert_int_equal(json_array_size(v->boots), 0);
	assert_int_equal(v->console.len + v->screenshots.n, 0);
	verdicts_release(&vs);
}

static void test_junit(void **state)
{
	struct verdicts vs = {0};

	(void)state;
	fill(&vs);
	_cleanup_free_ char *xml = verdicts_junit(&vs);
	assert_string_equal(xml,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		"  <testsuite name=\"s" ESCAPED " (qemu)\" tests=\"4\" failures=\"1\" skipped=\"1\" time=\"3.500\">\n"
		"    <testcase classname=\"p" ESCAPED ".s" ESCAPED "\" name=\"one" ESCAPED
		"\" time=\"1.500\"></testcase>\n"
		"    <testcase classname=\"p" ESCAPED ".s" ESCAPED
		"\" name=\"two\" time=\"2.000\"><failure message=\"failed\">why" ESCAPED "</failure></testcase>\n"
		"    <testcase classname=\"p" ESCAPED ".s" ESCAPED
		"\" name=\"three\" time=\"0.000\"><skipped message=\"no" ESCAPED "\"/></testcase>\n"
		"    <testcase classname=\"p" ESCAPED ".s" ESCAPED
		"\" name=\"four\" time=\"0.000\"><system-out>7 s" ESCAPED "</system-out></testcase>\n"
		"    <system-out>login:" ESCAPED "\n</system-out>\n  </testsuite>\n"
		"  <testsuite name=\"skipped (nspawn)\" tests=\"1\" failures=\"0\" skipped=\"1\" time=\"0.000\">\n"
		"    <testcase classname=\"p.skipped\" name=\"skipped\" time=\"0.000\"><skipped "
		"message=\"\"/></testcase>\n"
		"  </testsuite>\n"
		"  <testsuite name=\"good (nspawn)\" tests=\"0\" failures=\"0\" skipped=\"0\" time=\"0.000\">\n"
		"  </testsuite>\n</testsuites>\n");
	verdicts_release(&vs);
}

static void test_html(void **state)
{
	struct verdicts vs = {0};

	(void)state;
	fill(&vs);
	_cleanup_free_ char *html = verdicts_html(&vs);
	assert_non_null(strstr(html, "1 passed, 1 failed, 1 skipped"));
	assert_non_null(strstr(html, "why" ESCAPED));
	assert_non_null(strstr(html, "<pre>7 s" ESCAPED));
	assert_non_null(strstr(html, "login:" ESCAPED));
	assert_non_null(strstr(html, "a&amp;b.png"));
	assert_non_null(strstr(html, "&lt;web&gt;" R));
	assert_non_null(strstr(html,
		"Boot 1: ready after 10.7 s</h3>\n<p>Under container storage: image data 0 B, by containers "
		"2.0 KiB, podman's own 1.0 MiB.</p>"));
	assert_non_null(strstr(html,
		"kernel</td><td class=\"bar\"><span style=\"margin-left:6.54%;width:9.35%\"></span></td><td>1.0 s"));
	assert_non_null(strstr(html, "&lt;step&gt;</td><td class=\"bar\"><span "
				     "style=\"margin-left:57.94%;width:11.53%\"></span></td><td>1.2 s"));
	assert_non_null(strstr(html, "<tr><td>&lt;svc&gt;</td><td>300 MiB</td><td></td><td>1.0 GiB</td>"
				     "<td>&lt;web&gt;" R " 300 MiB, &lt;more&gt;</td></tr>\n"
				     "<tr><td>all</td><td>300 MiB</td>"));
	assert_null(strstr(html, "<b>"));
	assert_null(strstr(html, "<web>"));
	assert_null(strstr(html, "<svc>"));
	assert_null(strstr(html, "<step>"));
	for (const char *p = html; *p; p++)
		assert_true((unsigned char)*p >= 0x20 || *p == '\n' || *p == '\t');
	verdicts_release(&vs);
}

/* For people: where a step stands in the boot; one that does not say follows the one before it. */
static void test_breakdown(void **state)
{
	struct verdicts vs = {0};
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	(void)state;
	fill(&vs);
	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	verdict_print_services(f, &vs.v[0]);
	fclose(f);
	assert_true(str_starts(text,
		"\nLAYER          SERVICE          HEALTH        MEMORY  CONTAINERS (seconds to healthy)\n"
		"edge           <svc>            healthy      300 MiB  <web>" R " (2.0) <more>\n"
		"300 MiB in memory, of all services\nready after"));
	assert_non_null(
		strstr(text, "\nready after 10.7 s: firmware and boot loader 0.7, kernel 1.0, init 0.5, root and "
			     "store, in init 0.1\n"
			     "slowest provision steps: <prov>/<step> 1.2 (at 6.2), <prov>/then 0.1 (at 7.4)\n"));
	verdicts_release(&vs);
}

/* A status is from outside as well: whatever its types, nothing crashes and nothing is shown that is not there. */
static void test_odd_status(void **state)
{
	static const char *const odd[] = {"{}", "{\"services\": 7, \"provision\": {}, \"boot\": []}",
		"{\"ready_ms\": -5, \"services\": [null, {\"containers\": [1, {\"started_ms\": 5, \"healthy_ms\": "
		"1}]}]}",
		"{\"ready_ms\": 1e300, \"boot\": {\"kernel_ms\": \"x\", \"init_ms\": -1}, \"provision\": [{\"steps\": "
		"[{}]}]}",
		"{\"services\": [{\"name\": 1, \"containers\": [{\"name\": [], \"started_ms\": 1, \"healthy_ms\": "
		"9e9}]}], "
		"\"uptime_ms\": 3}",
		"{\"services\": [{\"memory\": 7, \"containers\": [{\"memory\": []}]}, {\"memory\": {\"used\": "
		"-1, \"peak\": 9e9, \"limit\": \"x\"}, \"containers\": [{}]}, {\"memory\": {\"used\": "
		"9223372036854775807}}]}"};
	struct verdicts vs = {0};
	_cleanup_file_ FILE *null = fopen("/dev/null", "we");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_json_ json_t *boot = json_parse(odd[i], strlen(odd[i]), "odd", &err);
		struct verdict *v = verdicts_add(&vs, "p", "s", "s", "qemu");
		verdict_add_boot(v, boot);
		verdict_print_services(null, v);
	}
	_cleanup_free_ char *html = verdicts_html(&vs);
	_cleanup_json_ json_t *j = verdicts_json(&vs);
	assert_non_null(j);
	assert_null(strstr(html, "nan"));
	assert_null(strstr(html, "inf"));
	verdicts_release(&vs);
}

static void test_console_is_bounded(void **state)
{
	struct verdicts vs = {0};
	struct verdict *v = verdicts_add(&vs, "p", "s", "s", "qemu");
	char line[1000];

	(void)state;
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = 0;
	for (size_t i = 0; i < VERDICT_CONSOLE_MAX / sizeof line * 3; i++)
		verdict_add_console(v, line);
	verdict_add_console(v, "the end");
	assert_true(v->console.len < VERDICT_CONSOLE_MAX + 2000);
	assert_true(v->console.len > VERDICT_CONSOLE_MAX / 4);
	assert_true(str_starts(v->console.s, "[... kiln left out what came before ...]\nxxx"));
	assert_true(str_ends(v->console.s, "x\nthe end\n"));
	verdicts_release(&vs);
}

static void take(const char *text, int want_status, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_err_ struct err err = ERR_INIT;
	int status = -1;

	strbuf_adds(&out, text);
	int r = guest_take_status(&out, &status, "what", &err);
	assert_int_equal(r, want_status < 0 ? -1 : 0);
	assert_string_equal(want_status < 0 ? err.msg : out.s, want);
	if (want_status < 0)
		assert_int_equal(err.kind, ERR_TEST);
	else
		assert_int_equal(status, want_status);
}

/* /proc/acpi/call ends its answers so. */
static void test_status_after_nul(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_err_ struct err err = ERR_INIT;
	int status = -1;

	(void)state;
	strbuf_add(&out, "a\0b\0 kiln-status=3\n", 19);
	assert_int_equal(guest_take_status(&out, &status, "what", &err), 0);
	assert_int_equal(status, 3);
	assert_string_equal(out.s, "ab");
	assert_int_equal(out.len, 2);
}

static void test_status(void **state)
{
	(void)state;
	take("out\n kiln-status=0\n", 0, "out\n");
	take(" kiln-status=255\n", 255, "");
	take("no newline kiln-status=1\n", 1, "no newline");
	take("it says kiln-status=0\n kiln-status=7\n", 7, "it says kiln-status=0\n");
	take("out\n kiln-status=0\nConnection closed by remote host.\n", 0, "out\n");
	take("", -1, "what: no answer");
	take("Connection refused\n", -1, "what: Connection refused\n");
	take("cut off kiln-status=", -1, "what: cut off kiln-status=");
	take("a kiln-status=0 in the middle, then cut", -1, "what: a kiln-status=0 in the middle, then cut");
	take("x kiln-status=999\n", -1, "what: x kiln-status=999\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_json),
		cmocka_unit_test(test_again), cmocka_unit_test(test_junit), cmocka_unit_test(test_html),
		cmocka_unit_test(test_breakdown), cmocka_unit_test(test_odd_status),
		cmocka_unit_test(test_console_is_bounded), cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_after_nul)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
