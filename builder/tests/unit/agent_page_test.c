/*
 * The appliance's own page: what a status becomes (golden/agent/page.html, .metrics, page-status.txt;
 * KILN_UPDATE_GOLDEN=1 makes them anew, to be read before they are committed), that nothing in one can be more than
 * text, who gets what, and what the machine publishes for it.
 */
#include "agentfix.h"
#include "target/agent/html.h"
#include "target/agent/page.h"
#include "target/agent/publish.h"
#include "target/agent/status.h"
#include <openssl/evp.h>

#define GOLDEN "builder/tests/golden/agent/"

static json_t *read_json(struct fix *f, const char *path)
{
	json_t *j = json_read(path, 1 << 20, &f->err);
	if (!j)
		fail_msg("%s", f->err.msg);
	return j;
}

static void against_golden(struct fix *f, const char *name, const struct strbuf *got)
{
	_cleanup_free_ char *path = xasprintf(GOLDEN "%s", name);
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_works(path_write(path, got->s, got->len, 0644, &f->err), f);
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &f->err);
	assert_non_null(want);
	assert_string_equal(got->s, want);
}

/* The parts, and metrics, of a status with everything in it, much of it hostile. */
static void test_golden(void **state)
{
	struct fix *f = *state;
	_cleanup_json_ json_t *status = read_json(f, GOLDEN "page-status.json"),
			      *logs = read_json(f, GOLDEN "page-logs.json");
	_cleanup_strbuf_ struct strbuf html = STRBUF_INIT, metrics = STRBUF_INIT, text = STRBUF_INIT;
	const struct page_view v = {.status = status, .logs = logs, .user = "owner"};
	page_services(&v, &html);
	page_machine(&v, &html);
	against_golden(f, "page.html", &html);
	page_metrics(status, 1500, &metrics);
	against_golden(f, "page.metrics", &metrics);
	/* The console says the same in short. */
	status_text(status, &text);
	against_golden(f, "page-status.txt", &text);
	/* The hostile values are in it, and are no elements. */
	assert_non_null(strstr(html.s, "&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_null(strstr(html.s, "<script"));
	assert_null(strstr(html.s, "<img"));
	assert_null(strstr(html.s, "javascript:"));
	assert_null(strchr(html.s, '\x1b'));
}

/* Alerts are held back by it: it is there from the first status on, also when there is no time yet. */
static void test_been_ready(void **state)
{
	(void)state;
	_cleanup_json_ json_t *starting = json_pack("{s:s, s:n}", "state", "degraded", "ready_ms"),
			      *ready = json_pack("{s:s, s:i}", "state", "degraded", "ready_ms", 0);
	_cleanup_strbuf_ struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
	page_metrics(starting, 0, &before);
	page_metrics(ready, 0, &after);
	assert_non_null(strstr(before.s, "\nkiln_been_ready 0\n"));
	assert_null(strstr(before.s, "kiln_ready_seconds"));
	assert_non_null(strstr(after.s, "\nkiln_been_ready 1\n"));
}

/* One that ended is not one that has no day left. */
static void test_certificates(void **state)
{
	(void)state;
	_cleanup_json_ json_t *status =
		json_pack("{s:[{s:s, s:i}, {s:s, s:i}, {s:s, s:i}, {s:s, s:i}]}", "certificates", "id", "ca", "days",
			89, "id", "today", "days", 0, "id", "late", "days", -1, "id", "later", "days", -3);
	_cleanup_strbuf_ struct strbuf html = STRBUF_INIT;
	page_machine(&(struct page_view){.status = status}, &html);
	assert_non_null(strstr(html.s, "<h3>Certificates</h3><dl><dt>ca</dt><dd>89 days left</dd>"
				       "<dt>today</dt><dd>0 days left</dd>"
				       "<dt>late</dt><dd class=\"bad\">ended 1 day ago</dd>"
				       "<dt>later</dt><dd class=\"bad\">ended 3 days ago</dd></dl>"));
}

static void test_document(void **state)
{
	struct fix *f = *state;
	_cleanup_json_ json_t *status = read_json(f, GOLDEN "page-status.json");
	_cleanup_strbuf_ struct strbuf open = STRBUF_INIT, old = STRBUF_INIT, none = STRBUF_INIT;
	page_html(&(struct page_view){.status = status}, &open);
	assert_true(str_starts(open.s, "<!doctype html>\n<html lang=\"en\">"));
	assert_non_null(strstr(open.s, "<title>sample &amp; &lt;b&gt;: degraded</title>"));
	assert_null(strstr(open.s, "Logs of what fails"));
	assert_null(strstr(open.s, "Signed on"));
	assert_null(strstr(open.s, "seconds ago"));
	assert_null(strstr(open.s, "http://")); /* nothing from elsewhere */
	page_html(&(struct page_view){.status = status, .age_ms = 61000, .user = "<i>"}, &old);
	assert_non_null(strstr(old.s, "<b>This is how it was 61 seconds ago.</b>"));
	assert_non_null(strstr(old.s, "Signed on as &lt;i&gt;."));
	page_html(&(struct page_view){0}, &none);
	assert_non_null(strstr(none.s, "The machine has not yet said how it is."));
	assert_true(str_ends(none.s, "</html>\n"));
}

/* A text between two marks, hashed as a browser does it. */
static char *hashed(const char *html, const char *from, const char *to)
{
	unsigned char digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE * 2];
	unsigned len = 0;
	const char *begin = strstr(html, from) + strlen(from);
	EVP_Digest(begin, (size_t)(strstr(begin, to) - begin), digest, &len, EVP_sha256(), NULL);
	EVP_EncodeBlock(base64, digest, (int)len);
	return xasprintf("'sha256-%s'", (const char *)base64);
}

/* The policy names the very style and script of the document, and nothing may come from elsewhere. */
static void test_policy(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf html = STRBUF_INIT;
	page_html(&(struct page_view){0}, &html);
	_cleanup_free_ char *style = hashed(html.s, "<style>", "</style>"),
			    *script = hashed(html.s, "<script>", "</script>"), *policy = page_policy(), *want = NULL;
	want = xasprintf(
		"default-src 'none'; style-src %s; script-src %s; connect-src 'self'; img-src data:; base-uri 'none'; "
		"form-action 'none'; frame-ancestors 'none'",
		style, script);
	assert_string_equal(policy, want);
	assert_null(strstr(policy, "unsafe"));
}

/* What is text stays text, in an element and in an attribute. */
static void test_escaping(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	html_addf(&b, "<a b=\"%s\">%zu%s", "\"'<>&\x1b[31mred\x01\xff", (size_t)7, "");
	assert_string_equal(b.s, "<a b=\"&quot;&#39;&lt;&gt;&amp;red\xef\xbf\xbd\xef\xbf\xbd\">7");
}

static void test_routes(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path;
		enum page_answer outside, inside;
	} cases[] = {
		{"GET", "/", PAGE_DOCUMENT, PAGE_NOT_FOUND},
		{"HEAD", "/", PAGE_DOCUMENT, PAGE_NOT_FOUND},
		{"POST", "/", PAGE_BAD_METHOD, PAGE_NOT_FOUND},
		{"get", "/", PAGE_BAD_METHOD, PAGE_NOT_FOUND},
		{"GET", "/status.json", PAGE_STATUS, PAGE_NOT_FOUND},
		{"GET", "/sbom.spdx.json", PAGE_SBOM, PAGE_NOT_FOUND},
		{"PUT", "/sbom.spdx.json", PAGE_BAD_METHOD, PAGE_NOT_FOUND},
		{"GET", "/ca.crt", PAGE_CA, PAGE_NOT_FOUND},
		{"DELETE", "/ca.crt", PAGE_BAD_METHOD, PAGE_NOT_FOUND},
		{"GET", "/healthz", PAGE_HEALTH, PAGE_HEALTH},
		{"GET", "/metrics", PAGE_NOT_FOUND, PAGE_METRICS},
		{"POST", "/metrics", PAGE_NOT_FOUND, PAGE_BAD_METHOD},
		{"GET", "", PAGE_NOT_FOUND, PAGE_NOT_FOUND},
		{"GET", "//", PAGE_NOT_FOUND, PAGE_NOT_FOUND},
		{"GET", "/ca.crt/", PAGE_NOT_FOUND, PAGE_NOT_FOUND},
		{"GET", "/../ca.crt", PAGE_NOT_FOUND, PAGE_NOT_FOUND},
		{"GET", "/logs.json", PAGE_NOT_FOUND, PAGE_NOT_FOUND},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(page_route(cases[i].method, cases[i].path, false), cases[i].outside);
		assert_int_equal(page_route(cases[i].method, cases[i].path, true), cases[i].inside);
	}
}

static void test_groups(void **state)
{
	(void)state;
	assert_true(page_in_group("/users,/admins", "/admins"));
	assert_true(page_in_group(" /admins , /users", "/admins"));
	assert_false(page_in_group("/users,/admins2", "/admins"));
	assert_false(page_in_group("/users,x/admins", "/admins"));
	assert_false(page_in_group("", "/admins"));
	assert_false(page_in_group(NULL, "/admins"));
	assert_false(page_in_group(",,", "/admins"));
	assert_true(page_in_group(NULL, ""));
}

static char *no_lines(const char *unit)
{
	(void)unit;
	return NULL;
}

/* A log that tells a secret, which is there masked. */
static char *a_line(const char *unit)
{
	return xasprintf("%s says\npassword=0123456789abcdef\n\x1b[1mbold\x1b[0m", unit);
}

static void put_file(struct fix *f, const char *path, const char *text)
{
	_cleanup_free_ char *full = path_join(f->dir, path), *dir = path_dir(full);
	assert_works(path_mkdirs(dir, &f->err), f);
	assert_works(path_write(full, text, strlen(text), 0600, &f->err), f);
}

static const char machine[] =
	"{\"kiln\": 1, \"name\": \"x\", \"version\": \"1\", \"domain\": \"d\", \"network\": {\"name\": \"kiln\", "
	"\"bridge\": "
	"\"kiln0\", \"subnet\": \"10.213.0.0/24\"}, \"links\": [{\"service\": \"s\", \"claim\": \"w\", \"url\": "
	"\"https://s.${fact:domain}\"}], "
	"\"models\": [{\"name\": \"m\", \"bytes\": 5, \"digest\": \"ab\"}], \"secrets\": [{\"id\": \"s/p\", \"bytes\": "
	"8, \"encoding\": \"hex\"}], "
	"\"services\": [{\"name\": \"s\", \"layer\": \"edge\", \"summary\": \"S\", \"containers\": [\"c\"]}], "
	"\"containers\": [{\"name\": \"c\", \"service\": \"s\", \"layer\": \"edge\", \"unit\": \"c.service\", "
	"\"address\": 11, "
	"\"image\": \"docker.io/library/c:1\", \"memory\": 0, \"health\": {\"kind\": \"none\"}}], "
	"\"provision\": [{\"id\": \"s\", \"service\": \"s\", \"title\": \"T\", \"containers\": [\"c\"], \"steps\": "
	"[]}]}";

/* Errors are published by their first line, secrets never; all of them, masked, are in the logs. */
static void test_published(void **state)
{
	struct fix *f = *state;
	fix_machine(f, machine);
	put_file(f, "state/secrets/s/p", "0123456789abcdef");
	put_file(f, "run/provision/s.json",
		"{\"id\": \"s\", \"state\": \"failed\", \"step\": \"a step\", \"answer\": \"no: 0123456789abcdef\\nthe "
		"end\", \"steps\": []}");
	status_problem(&f->a, "render", "it fails with 0123456789abcdef\nand says\nmore");
	_cleanup_json_ json_t *status = status_core(&f->a);
	/* It has been unhealthy, or starting for long. */
	json_t *c = json_array_get(
		json_object_get(json_array_get(json_object_get(status, "services"), 0), "containers"), 0);
	json_object_set_new(c, "health", json_string("unhealthy"));
	json_object_set_new(c, "reason", json_string("0123456789abcdef is wrong\nmore"));
	_cleanup_json_ json_t *logs = publish_logs(&f->a, status, a_line);
	publish_open(&f->a, status);
	_cleanup_free_ char *open = json_compact(status), *closed = json_compact(logs);
	assert_null(strstr(open, "0123456789abcdef"));
	assert_null(strstr(closed, "0123456789abcdef"));
	assert_null(strstr(open, "the end"));
	assert_null(strstr(open, "more"));
	assert_string_equal(closed,
		"{\"containers\":[{\"lines\":\"c.service says\\npassword=***\\nbold\",\"name\":\"c\"}],"
		"\"problems\":[{\"what\":\"render\",\"why\":\"it fails with ***\\nand says\\nmore\"}],"
		"\"provision\":[{\"answer\":\"no: ***\\nthe end\",\"id\":\"s\"}]}");
	assert_string_equal(json_string_value(json_object_get(c, "reason")), "*** is wrong");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(status, "problems"), 0), "why")),
		"it fails with ***");
	_cleanup_free_ char *images = json_compact(json_object_get(status, "images")),
			    *links = json_compact(json_object_get(status, "links")),
			    *models = json_compact(json_object_get(status, "models"));
	assert_string_equal(images, "[{\"image\":\"docker.io/library/c:1\",\"name\":\"c\"}]");
	assert_string_equal(links, "[{\"claim\":\"w\",\"service\":\"s\",\"url\":\"https://s.d\"}]");
	assert_string_equal(models, "[{\"bytes\":5,\"digest\":\"ab\",\"name\":\"m\"}]");
	assert_true(
		json_is_integer(json_object_get(json_object_get(json_object_get(status, "host"), "memory"), "size")));
	/* Nobody is asked for the log of what is well. */
	json_object_set_new(c, "health", json_string("healthy"));
	_cleanup_json_ json_t *well = publish_logs(&f->a, status, a_line),
			      *silent = publish_logs(&f->a, status, no_lines);
	assert_int_equal(json_array_size(json_object_get(well, "containers")), 0);
	assert_int_equal(json_array_size(json_object_get(silent, "containers")), 0);
}

static void test_memory(void **state)
{
	(void)state;
	_cleanup_json_ json_t *good = status_meminfo(
				      "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n"),
			      *bad = status_meminfo("MemTotal: many\n"), *none = status_meminfo("");
	_cleanup_free_ char *text = json_compact(good);
	assert_string_equal(text, "{\"available\":409600,\"size\":1024000}");
	assert_true(json_is_null(bad));
	assert_true(json_is_null(none));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_golden),
		TEST(test_been_ready),
		TEST(test_certificates),
		TEST(test_document),
		TEST(test_policy),
		TEST(test_escaping),
		TEST(test_routes),
		TEST(test_groups),
		TEST(test_published),
		TEST(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
