/* The verdicts as files: JUnit XML and one HTML page. */
#include "base/json.h"
#include "base/mem.h"
#include "vm/breakdown.h"
#include "vm/verdict.h"
#include <string.h>

/* Text for XML and HTML; control characters that XML 1.0 cannot hold become '?'. */
static void escape(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '<')
			strbuf_adds(b, "&lt;");
		else if (c == '>')
			strbuf_adds(b, "&gt;");
		else if (c == '&')
			strbuf_adds(b, "&amp;");
		else if (c == '"')
			strbuf_adds(b, "&quot;");
		else if (c < 0x20 && c != '\n' && c != '\t')
			strbuf_addc(b, '?');
		else
			strbuf_addc(b, *s);
	}
}

static void junit_case(struct strbuf *b, const struct verdict *v, const struct verdict_step *s)
{
	strbuf_adds(b, "    <testcase classname=\"");
	escape(b, v->profile);
	strbuf_addc(b, '.');
	escape(b, v->scenario);
	strbuf_adds(b, "\" name=\"");
	escape(b, s->name);
	strbuf_addf(b, "\" time=\"%.3f\">", s->seconds);
	if (s->outcome == VERDICT_FAILED) {
		strbuf_adds(b, "<failure message=\"failed\">");
		escape(b, s->detail ? s->detail : "");
		strbuf_adds(b, "</failure>");
	} else if (s->outcome == VERDICT_SKIPPED) {
		strbuf_adds(b, "<skipped message=\"");
		escape(b, s->detail ? s->detail : "");
		strbuf_adds(b, "\"/>");
	} else if (s->detail) {
		strbuf_adds(b, "<system-out>");
		escape(b, s->detail);
		strbuf_adds(b, "</system-out>");
	}
	strbuf_adds(b, "</testcase>\n");
}

char *verdicts_junit(const struct verdicts *vs)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (size_t i = 0; i < vs->n; i++) {
		const struct verdict *v = &vs->v[i];
		/* Skipped as a whole: readers count cases, so it is one. */
		const struct verdict_step whole = {
			.name = v->scenario, .outcome = VERDICT_SKIPPED, .detail = v->detail};
		const struct verdict_step *steps = v->outcome == VERDICT_SKIPPED ? &whole : v->steps;
		size_t counts[3] = {0}, n = v->outcome == VERDICT_SKIPPED ? 1 : v->n;
		for (size_t k = 0; k < n; k++)
			counts[steps[k].outcome]++;
		strbuf_adds(&b, "  <testsuite name=\"");
		escape(&b, v->scenario);
		strbuf_adds(&b, " (");
		escape(&b, v->engine);
		strbuf_addf(&b, ")\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n", n,
			counts[VERDICT_FAILED], counts[VERDICT_SKIPPED], v->seconds);
		for (size_t k = 0; k < n; k++)
			junit_case(&b, v, &steps[k]);
		if (v->console.len) {
			strbuf_adds(&b, "    <system-out>");
			escape(&b, v->console.s);
			strbuf_adds(&b, "</system-out>\n");
		}
		strbuf_adds(&b, "  </testsuite>\n");
	}
	strbuf_adds(&b, "</testsuites>\n");
	return strbuf_steal(&b);
}

static void html_steps(struct strbuf *b, const struct verdict *v)
{
	static const char *const classes[] = {"passed", "failed", "skipped"};

	strbuf_adds(b, "<table><tr><th>step</th><th>seconds</th><th>outcome</th></tr>\n");
	for (size_t k = 0; k < v->n; k++) {
		const struct verdict_step *s = &v->steps[k];
		strbuf_adds(b, "<tr><td>");
		escape(b, s->name);
		if (s->detail) {
			strbuf_adds(b, "<pre>");
			escape(b, s->detail);
			strbuf_adds(b, "</pre>");
		}
		strbuf_addf(b, "</td><td>%.1f</td><td class=\"%s\">%s</td></tr>\n", s->seconds, classes[s->outcome],
			classes[s->outcome]);
	}
	strbuf_adds(b, "</table>\n");
}

static void html_span(struct strbuf *b, const struct span *s, double total)
{
	static const char *const classes[] = {"boot", "container", "provision", "step"};
	double left = 100 * s->from_ms / total, width = 100 * (s->to_ms - s->from_ms) / total;

	left = left < 100 ? left : 100;
	width = left + width < 100 ? width : 100 - left;
	strbuf_addf(b, "<tr class=\"%s\" title=\"%.1f s to %.1f s\"><td>", classes[s->kind], s->from_ms / 1000,
		s->to_ms / 1000);
	escape(b, s->name);
	if (s->kind == SPAN_STEP && *s->how && strcmp(s->how, "done") != 0) {
		strbuf_adds(b, " <small>");
		escape(b, s->how);
		strbuf_adds(b, "</small>");
	}
	strbuf_addf(
		b, "</td><td class=\"bar\"><span style=\"margin-left:%.2f%%;width:%.2f%%\"></span></td>", left, width);
	if (s->to_ms - s->from_ms < 1000)
		strbuf_addf(b, "<td>%.0f ms</td></tr>\n", s->to_ms - s->from_ms);
	else
		strbuf_addf(b, "<td>%.1f s</td></tr>\n", (s->to_ms - s->from_ms) / 1000);
}

/* What was written by then: of images nothing should be. */
static void html_storage(struct strbuf *b, const json_t *storage)
{
	static const char *const parts[][2] = {{"image_bytes", "image data "}, {"container_bytes", ", by containers "},
		{"other_bytes", ", podman's own "}};

	if (!json_is_object(storage))
		return;
	strbuf_adds(b, "<p>Under container storage: ");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		json_int_t n = json_integer_value(json_object_get(storage, parts[i][0]));
		strbuf_addf(b, "%s%s", parts[i][1], str_bytes(n > 0 ? (uint64_t)n : 0));
	}
	strbuf_adds(b, ".</p>\n");
}

static void html_bytes(struct strbuf *b, const json_t *of, const char *key)
{
	uint64_t n = breakdown_memory(of, key);

	strbuf_addf(b, "<td>%s</td>", n ? str_bytes(n) : "");
}

/* What each service had in memory, in the newest full status. */
static void html_memory(struct strbuf *b, const json_t *services)
{
	size_t i, k, n = 0;
	json_t *s, *c;
	uint64_t all = 0;

	json_array_foreach(services, i, s)
	{
		uint64_t used = breakdown_memory(s, "used");
		if (!used)
			continue;
		if (!n++)
			strbuf_adds(b, "<table class=\"memory\"><tr><th>service</th><th>memory</th><th>peak</th>"
				       "<th>limit</th><th>containers</th></tr>\n");
		all += used;
		strbuf_adds(b, "<tr><td>");
		escape(b, json_text(s, "name"));
		strbuf_adds(b, "</td>");
		html_bytes(b, s, "used");
		html_bytes(b, s, "peak");
		html_bytes(b, s, "limit");
		const char *sep = "<td>";
		json_array_foreach(json_object_get(s, "containers"), k, c)
		{
			strbuf_adds(b, sep);
			escape(b, json_text(c, "name"));
			if (breakdown_memory(c, "used"))
				strbuf_addf(b, " %s", str_bytes(breakdown_memory(c, "used")));
			sep = ", ";
		}
		strbuf_adds(b, "</td></tr>\n");
	}
	if (n)
		strbuf_addf(b, "<tr><td>all</td><td>%s</td><td></td><td></td><td></td></tr></table>\n", str_bytes(all));
}

/* What took how long from power-on to ready: a bar for each part of the boot, container and provision step. */
static void html_boot(struct strbuf *b, size_t number, const json_t *boot)
{
	static const char *const heads[] = {
		"Boot", "Containers, from start to healthy", "Provisioning, with its steps", NULL};
	struct breakdown d;

	breakdown_of(boot, &d);
	strbuf_addf(b, "<h3>Boot %zu: ", number);
	if (d.ready)
		strbuf_addf(b, "ready after %.1f s</h3>\n", d.total_ms / 1000);
	else {
		strbuf_addf(b, "not ready after %.1f s, ", d.total_ms / 1000);
		escape(b, json_text(boot, "state"));
		strbuf_adds(b, "</h3>\n");
	}
	html_storage(b, json_object_get(boot, "storage"));
	html_memory(b, json_object_get(boot, "services"));
	if (d.total_ms > 0 && d.n) {
		int last = -1;
		strbuf_adds(b, "<table class=\"bars\">\n");
		for (size_t i = 0; i < d.n; i++) {
			int head = d.v[i].kind == SPAN_STEP ? SPAN_PROVISION : (int)d.v[i].kind;
			if (head != last)
				strbuf_addf(b, "<tr><th colspan=\"3\">%s</th></tr>\n", heads[head]);
			last = head;
			html_span(b, &d.v[i], d.total_ms);
		}
		strbuf_adds(b, "</table>\n");
	}
	breakdown_release(&d);
}

static void html_scenario(struct strbuf *b, const struct verdict *v)
{
	static const char *const classes[] = {"passed", "failed", "skipped"};
	size_t i;
	json_t *boot;

	strbuf_addf(b, "<h2><span class=\"%s\">%s</span> ", classes[v->outcome], classes[v->outcome]);
	escape(b, v->scenario);
	strbuf_addf(b, " <small>%s, %.1f s</small></h2><p>", v->engine, v->seconds);
	escape(b, v->detail ? v->detail : v->summary);
	strbuf_adds(b, "</p>\n");
	html_steps(b, v);
	json_array_foreach(v->boots, i, boot) html_boot(b, i + 1, boot);
	for (i = 0; i < v->screenshots.n; i++) {
		strbuf_adds(b, "<img alt=\"screen\" src=\"");
		escape(b, v->screenshots.v[i]);
		strbuf_adds(b, "\">\n");
	}
	if (v->console.len) {
		strbuf_adds(b, "<details><summary>console</summary><pre>");
		escape(b, v->console.s);
		strbuf_adds(b, "</pre></details>\n");
	}
}

char *verdicts_html(const struct verdicts *vs)
{
	struct strbuf b = STRBUF_INIT;
	size_t counts[3];

	verdicts_count(vs, counts);
	strbuf_adds(&b,
		"<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>kiln test</title>\n<style>"
		"body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
		"table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;border-bottom:1px solid #ddd;"
		"text-align:left;vertical-align:top}pre{background:#f5f5f5;padding:.6rem;overflow:auto;max-height:"
		"28rem}"
		".passed{color:#137333}.failed{color:#b3261e;font-weight:600}.skipped{color:#8a6d00}small{color:#666}"
		"h2{margin-top:2.5rem;border-top:2px solid #ddd;padding-top:1rem}h3{margin:1.5rem 0 .3rem}"
		".bars{table-layout:fixed}.bars td:first-child{width:30%}.bars td{border:0;padding:.1rem "
		".6rem;font-size:14px}.bars td:last-child{text-align:right;white-space:"
		"nowrap}.bars th{padding-top:.8rem}.bar{width:55%}.bar "
		"span{display:block;height:.8rem;margin-top:.25rem;"
		"background:#4a7dbd;min-width:2px;border-radius:2px}.boot .bar span{background:#7a869a}"
		".provision .bar span{background:#2e8b57}.step .bar span{background:#9ccfb0}.step td:first-child{"
		"padding-left:2rem}"
		"img{max-width:100%;border:1px solid #ddd}</style>\n");
	strbuf_addf(&b, "<h1>kiln test: %zu passed, %zu failed, %zu skipped</h1>\n", counts[VERDICT_PASSED],
		counts[VERDICT_FAILED], counts[VERDICT_SKIPPED]);
	for (size_t i = 0; i < vs->n; i++)
		html_scenario(&b, &vs->v[i]);
	strbuf_adds(&b, "</html>\n");
	return strbuf_steal(&b);
}
