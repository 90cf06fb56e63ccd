/* The machine under the services: memory, disk, GPU and models, backups, certificates, versions. */
#include "base/mem.h"
#include "target/agent/gpu.h"
#include "target/agent/html.h"
#include "target/agent/page.h"
#include <inttypes.h>

static uint64_t num_of(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : 0;
}

static void row(struct strbuf *out, const char *name, const char *text)
{
	if (*text)
		html_addf(out, "<dt>%s</dt><dd>%s</dd>", name, text);
}

static void space(struct strbuf *out, const char *name, const json_t *o)
{
	if (!num_of(o, "size"))
		return;
	html_addf(out, "<dt>%s</dt><dd>%s of %s free</dd>", name, str_bytes(num_of(o, "available")),
		str_bytes(num_of(o, "size")));
}

static char *duration(uint64_t ms)
{
	uint64_t s = ms / 1000;
	return s < 120	    ? xasprintf("%" PRIu64 " s", s)
	       : s < 7200   ? xasprintf("%" PRIu64 " min", s / 60)
	       : s < 172800 ? xasprintf("%" PRIu64 " h", s / 3600)
			    : xasprintf("%" PRIu64 " days", s / 86400);
}

static void times(const json_t *status, struct strbuf *out)
{
	_cleanup_free_ char *up = duration(num_of(status, "uptime_ms")), *ready = duration(num_of(status, "ready_ms"));
	row(out, "Up for", up);
	if (num_of(status, "ready_ms"))
		html_addf(out, "<dt>Was ready after</dt><dd>%s</dd>", ready);
}

static void gpu(const json_t *status, struct strbuf *out)
{
	const json_t *gpu = json_object_get(status, "gpu"), *models = json_object_get(status, "models");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (gpu) {
		gpu_show(gpu, &text);
		html_addf(out, "<h3>GPU</h3><pre>%s</pre>", strbuf_cstr(&text));
	}
	if (json_array_size(models))
		strbuf_adds(out, "<h3>Language models in the image</h3><ul>");
	for (size_t i = 0; i < json_array_size(models); i++) {
		const json_t *m = json_array_get(models, i);
		const json_t *loaded = json_object_get(m, "loaded");
		html_addf(out, "<li><b>%s</b> %s%s<br><span class=\"soft\">%s</span></li>", json_text(m, "name"),
			str_bytes(num_of(m, "bytes")),
			json_is_true(loaded)	? ", in memory"
			: json_is_false(loaded) ? ", not in memory"
						: "",
			json_text(m, "digest"));
	}
	if (json_array_size(models))
		strbuf_adds(out, "</ul>");
}

static void backups(const json_t *status, struct strbuf *out)
{
	const json_t *backup = json_object_get(status, "backup"), *items = json_object_get(backup, "items");
	if (!backup)
		return;
	html_addf(out, "<h3>Backups</h3><p>The next: %s</p><ul>",
		*json_text(backup, "next") ? json_text(backup, "next") : "unknown");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *b = json_array_get(items, i);
		html_addf(out, "<li><b>%s</b>: ", json_text(b, "id"));
		if (*json_text(b, "last"))
			html_addf(out, "%s, %s", json_text(b, "last"), str_bytes(num_of(b, "size")));
		else
			strbuf_adds(out, "none yet");
		if (*json_text(b, "error"))
			html_addf(out, "<br><span class=\"bad\">failed</span>: %s", json_text(b, "error"));
		strbuf_adds(out, "</li>");
	}
	strbuf_adds(out, "</ul>");
}

static void certificates(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "certificates");
	if (!json_array_size(list))
		return;
	strbuf_adds(out, "<h3>Certificates</h3><dl>");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		json_int_t days = json_integer_value(json_object_get(c, "days"));
		html_addf(out, "<dt>%s</dt>", json_text(c, "id"));
		if (days < 0)
			html_addf(out, "<dd class=\"bad\">ended %zu %s ago</dd>", 0 - (size_t)days,
				days == -1 ? "day" : "days");
		else
			html_addf(out, "<dd>%zu days left</dd>", (size_t)days);
	}
	strbuf_adds(out, "</dl>");
}

static void refusals(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "refusals");
	if (!json_array_size(list))
		return;
	strbuf_adds(
		out, "<h3>Refused connections</h3><p class=\"soft\">Between containers, for want of a claim.</p><ul>");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		html_addf(out, "<li>%s to %s, port %zu/%s: %zu packets</li>", json_text(r, "from"), json_text(r, "to"),
			(size_t)num_of(r, "port"), json_text(r, "protocol"), (size_t)num_of(r, "packets"));
	}
	strbuf_adds(out, "</ul>");
}

static void images(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "images");
	if (!json_array_size(list))
		return;
	html_addf(out, "<details id=\"images\"><summary id=\"images-open\">Images of %zu containers</summary><ul>",
		json_array_size(list));
	for (size_t i = 0; i < json_array_size(list); i++)
		html_addf(out, "<li><b>%s</b><br>%s</li>", json_text(json_array_get(list, i), "name"),
			json_text(json_array_get(list, i), "image"));
	strbuf_adds(out, "</ul></details>");
}

void page_machine(const struct page_view *v, struct strbuf *out)
{
	const json_t *host = json_object_get(v->status, "host");
	strbuf_adds(out, "<section aria-labelledby=\"machine\"><h2 id=\"machine\">Machine</h2><dl>");
	row(out, "Image", json_text(v->status, "version"));
	row(out, "Kernel", json_text(host, "kernel"));
	times(v->status, out);
	space(out, "Memory", json_object_get(host, "memory"));
	space(out, "Disk", json_object_get(v->status, "disk"));
	strbuf_adds(out, "</dl>");
	gpu(v->status, out);
	backups(v->status, out);
	certificates(v->status, out);
	refusals(v->status, out);
	images(v->status, out);
	strbuf_adds(out,
		"<p><a id=\"sbom\" href=\"/sbom.spdx.json\" download>What all this is made of, to the package</a> "
		"<span class=\"soft\">(SBOM, SPDX)</span></p>"
		"</section>\n");
}
