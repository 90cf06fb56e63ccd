/* Layers, services and their containers; the start, what it waits for and why; what went wrong. */
#include "target/agent/html.h"
#include "target/agent/page.h"
#include <string.h>

static bool is(const json_t *o, const char *key, const char *text)
{
	return str_eq(json_text(o, key), text);
}

static size_t count(const json_t *list, const char *key, const char *text)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		n += is(json_array_get(list, i), key, text);
	return n;
}

/* Of a list with "name" or "id" the member of that name. */
static const json_t *named(const json_t *list, const char *key, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is(json_array_get(list, i), key, name))
			return json_array_get(list, i);
	return NULL;
}

static void why(const char *text, struct strbuf *out)
{
	if (*text)
		html_addf(out, ": %s", text);
}

/* What the start still waits for: containers first, then the steps that are at work. */
static void waits(const json_t *services, const json_t *provision, struct strbuf *out)
{
	strbuf_adds(out, "<h3>Waiting for</h3><ul>");
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *list = json_object_get(json_array_get(services, i), "containers");
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *c = json_array_get(list, k);
			if (is(c, "health", "healthy"))
				continue;
			html_addf(out, "<li><b>%s</b> <span class=\"%s\">%s</span>", json_text(c, "name"),
				json_text(c, "health"), json_text(c, "health"));
			why(json_text(c, "reason"), out);
			strbuf_adds(out, "</li>");
		}
	}
	for (size_t i = 0; i < json_array_size(provision); i++) {
		const json_t *p = json_array_get(provision, i);
		if (is(p, "state", "done") || is(p, "state", "waiting"))
			continue;
		html_addf(out, "<li><b>%s</b> <span class=\"%s\">%s</span>", json_text(p, "title"),
			json_text(p, "state"), json_text(p, "state"));
		why(json_text(p, "step"), out);
		strbuf_adds(out, "</li>");
	}
	strbuf_adds(out, "</ul>");
}

static void start(const json_t *status, struct strbuf *out)
{
	const json_t *services = json_object_get(status, "services"), *provision = json_object_get(status, "provision");
	size_t healthy = count(services, "health", "healthy"), done = count(provision, "state", "done"),
	       n = json_array_size(services), m = json_array_size(provision);
	if (is(status, "state", "ready"))
		return;
	html_addf(out, "<section aria-labelledby=\"start\"><h2 id=\"start\">%s</h2>",
		json_is_integer(json_object_get(status, "ready_ms")) ? "Not all is well" : "Start");
	html_addf(out,
		"<p id=\"progress\">%zu of %zu services are healthy, %zu of %zu of what they need is set up.</p>",
		healthy, n, done, m);
	html_addf(out, "<progress aria-labelledby=\"progress\" max=\"%zu\" value=\"%zu\"></progress>",
		n + m ? n + m : 1, healthy + done);
	if (healthy < n || done < m)
		waits(services, provision, out);
	strbuf_adds(out, "</section>\n");
}

static void problems(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "problems");
	const char *overlap = json_text(status, "overlap");
	if (!json_array_size(list) && !*overlap)
		return;
	strbuf_adds(out, "<section aria-labelledby=\"problems\"><h2 id=\"problems\">Problems</h2><ul>");
	for (size_t i = 0; i < json_array_size(list); i++)
		html_addf(out, "<li><b class=\"bad\">%s</b>: %s</li>", json_text(json_array_get(list, i), "what"),
			json_text(json_array_get(list, i), "why"));
	if (*overlap)
		html_addf(
			out, "<li><b class=\"bad\">network</b>: the containers' subnet overlaps with %s</li>", overlap);
	strbuf_adds(out, "</ul></section>\n");
}

/* What it is, strangers need not know: the command tells who has root. */
static void wanted(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "wanted");
	if (!json_array_size(list))
		return;
	strbuf_adds(out, "<section aria-labelledby=\"wanted\"><h2 id=\"wanted\">Secrets to be given</h2><ul>");
	for (size_t i = 0; i < json_array_size(list); i++)
		html_addf(
			out, "<li><code>kiln-agent give %s</code></li>", json_text(json_array_get(list, i), "secret"));
	strbuf_adds(out, "</ul></section>\n");
}

static void links(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "links"), *services = json_object_get(status, "services");
	strbuf_adds(out, "<nav aria-labelledby=\"links\"><h2 id=\"links\">Sites</h2><ul class=\"wide\">");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *l = json_array_get(list, i), *s = named(services, "name", json_text(l, "service"));
		if (str_starts(json_text(l, "url"), "https://"))
			html_addf(out,
				"<li><a id=\"link-%zu\" href=\"%s\">%s</a><br><span class=\"soft\">%s</span></li>", i,
				json_text(l, "url"), json_text(l, "url") + strlen("https://"), json_text(s, "summary"));
	}
	html_addf(out,
		"<li><a id=\"ca\" href=\"/ca.crt\" download>The certificate to trust</a><br><span class=\"soft\">"
		"of the authority that vouches for these sites, to be added to browsers</span></li></ul></nav>\n");
}

static void containers(const json_t *service, struct strbuf *out)
{
	const json_t *list = json_object_get(service, "containers");
	for (size_t k = 0; k < json_array_size(list); k++) {
		const json_t *c = json_array_get(list, k);
		bool healthy = is(c, "health", "healthy");
		json_int_t restarts = json_integer_value(json_object_get(c, "restarts"));
		if (healthy && !restarts && json_array_size(list) == 1)
			continue;
		html_addf(out, "<br>%s <span class=\"%s\">%s</span>", json_text(c, "name"), json_text(c, "health"),
			json_text(c, "health"));
		why(json_text(c, "reason"), out);
		if (restarts > 0)
			html_addf(out, ", restarted %zu times", (size_t)restarts);
	}
}

static void layers(const json_t *status, struct strbuf *out)
{
	const json_t *services = json_object_get(status, "services");
	const char *layer = NULL;
	strbuf_adds(out, "<section aria-labelledby=\"services\"><h2 id=\"services\">Services</h2>");
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);
		if (!layer || !is(s, "layer", layer)) {
			strbuf_adds(out, layer ? "</ul>" : "");
			layer = json_text(s, "layer");
			html_addf(out, "<h3>%s</h3><ul class=\"wide\">", layer);
		}
		html_addf(out, "<li><b>%s</b> <span class=\"%s\">%s</span><br><span class=\"soft\">%s</span>",
			json_text(s, "name"), json_text(s, "health"), json_text(s, "health"), json_text(s, "summary"));
		containers(s, out);
		strbuf_adds(out, "</li>");
	}
	strbuf_adds(out, layer ? "</ul></section>\n" : "</section>\n");
}

static void provisions(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "provision");
	size_t n = json_array_size(list);
	if (!n)
		return;
	html_addf(out,
		"<section aria-labelledby=\"setup\"><h2 id=\"setup\">What services need of one another</h2>"
		"<details id=\"setup-all\"><summary id=\"setup-open\">%zu of %zu are set up</summary><ul>",
		count(list, "state", "done"), n);
	for (size_t i = 0; i < n; i++) {
		const json_t *p = json_array_get(list, i);
		html_addf(out, "<li><b>%s</b> <span class=\"%s\">%s</span><br><span class=\"soft\">%s",
			json_text(p, "id"), json_text(p, "state"), json_text(p, "state"), json_text(p, "title"));
		why(json_text(p, "step"), out);
		strbuf_adds(out, "</span></li>");
	}
	strbuf_adds(out, "</ul></details></section>\n");
}

/* One piece of log: open when it is the only one. */
static void piece(const char *kind, const char *name, const char *text, bool open, struct strbuf *out)
{
	html_addf(out, "<details id=\"log-%s-%s\"%s><summary id=\"logs-%s-%s\">", kind, name, open ? " open" : "", kind,
		name);
	html_addf(out, "%s %s</summary><pre>%s</pre></details>", kind, name, text);
}

static void logs(const struct page_view *v, struct strbuf *out)
{
	const json_t *steps = json_object_get(v->logs, "provision"), *units = json_object_get(v->logs, "containers"),
		     *wrong = json_object_get(v->logs, "problems");
	size_t n = json_array_size(steps) + json_array_size(units) + json_array_size(wrong);
	if (!n)
		return;
	strbuf_adds(out, "<section aria-labelledby=\"logs\"><h2 id=\"logs\">Logs of what fails</h2>");
	for (size_t i = 0; i < json_array_size(steps); i++)
		piece("step", json_text(json_array_get(steps, i), "id"), json_text(json_array_get(steps, i), "answer"),
			n == 1, out);
	for (size_t i = 0; i < json_array_size(units); i++)
		piece("container", json_text(json_array_get(units, i), "name"),
			json_text(json_array_get(units, i), "lines"), n == 1, out);
	for (size_t i = 0; i < json_array_size(wrong); i++)
		piece("problem", json_text(json_array_get(wrong, i), "what"),
			json_text(json_array_get(wrong, i), "why"), n == 1, out);
	strbuf_adds(out, "</section>\n");
}

void page_services(const struct page_view *v, struct strbuf *out)
{
	start(v->status, out);
	problems(v->status, out);
	wanted(v->status, out);
	logs(v, out);
	links(v->status, out);
	layers(v->status, out);
	provisions(v->status, out);
}
