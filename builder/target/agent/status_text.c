/* The status for people: one line for the console, a table for `kiln-agent status`. */
#include "base/json.h"
#include "target/agent/gpu.h"
#include "target/agent/status.h"
#include <inttypes.h>

static uint64_t num_of(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* The first container of a service that is not healthy, and why. */
static void why_not(const json_t *service, struct strbuf *out)
{
	const json_t *list = json_object_get(service, "containers");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (str_eq(json_text(c, "health"), "healthy"))
			continue;
		const char *reason = json_text(c, "reason");
		bool own = json_array_size(list) > 1 && *reason;
		strbuf_addf(out, "%s%s%s", own ? json_text(c, "name") : "", own ? ": " : "", reason);
		return;
	}
}

/* The first of them, by its first line. */
static void add_problem(const json_t *problems, struct strbuf *out)
{
	size_t n = json_array_size(problems);
	const char *why = json_text(json_array_get(problems, 0), "why");
	if (!n)
		return;
	strbuf_addf(out, "; %s: %.*s", json_text(json_array_get(problems, 0), "what"), (int)strcspn(why, "\n"), why);
	if (n > 1)
		strbuf_addf(out, ", and %zu more", n - 1);
}

char *status_line(const json_t *status)
{
	struct strbuf b = STRBUF_INIT;
	const json_t *services = json_object_get(status, "services"), *prov = json_object_get(status, "provision");
	size_t healthy = 0, n = json_array_size(services), shown = 0;
	for (size_t i = 0; i < n; i++)
		healthy += str_eq(json_text(json_array_get(services, i), "health"), "healthy");
	strbuf_addf(&b, "%s: %zu of %zu services healthy", json_text(status, "state"), healthy, n);
	for (size_t i = 0; i < n && shown < 3; i++) {
		const json_t *s = json_array_get(services, i);
		_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
		if (str_eq(json_text(s, "health"), "healthy"))
			continue;
		why_not(s, &why);
		strbuf_addf(&b, "%s%s", shown++ ? ", " : "; waiting for ", json_text(s, "name"));
		if (why.len)
			strbuf_addf(&b, " (%s)", why.s);
	}
	if (n - healthy > shown)
		strbuf_addf(&b, " and %zu more", n - healthy - shown);
	for (size_t i = 0; i < json_array_size(prov); i++) {
		const json_t *p = json_array_get(prov, i);
		const char *state = json_text(p, "state");
		if (str_eq(state, "running") || str_eq(state, "failed"))
			strbuf_addf(&b, "; provision %s %s%s%s", json_text(p, "id"), state,
				*json_text(p, "step") ? ": " : "", json_text(p, "step"));
	}
	add_problem(json_object_get(status, "problems"), &b);
	if (*json_text(status, "reason"))
		strbuf_addf(&b, "; %s", json_text(status, "reason"));
	return strbuf_steal(&b);
}

static void service_rows(const json_t *status, struct strbuf *out)
{
	const json_t *services = json_object_get(status, "services");
	const char *layer = "";
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i), *list = json_object_get(s, "containers");
		if (!str_eq(layer, json_text(s, "layer"))) {
			layer = json_text(s, "layer");
			strbuf_addf(out, "%s\n", layer);
		}
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *c = json_array_get(list, k);
			uint64_t from = num_of(c, "started_ms"), to = num_of(c, "healthy_ms");
			strbuf_addf(out, "  %-16s %-20s %-10s", k ? "" : json_text(s, "name"), json_text(c, "name"),
				json_text(c, "health"));
			if (to >= from && to)
				strbuf_addf(out, " %7.1f s", (double)(to - from) / 1000);
			if (num_of(json_object_get(c, "memory"), "used"))
				strbuf_addf(out, "  %s", str_bytes(num_of(json_object_get(c, "memory"), "used")));
			if (num_of(c, "restarts"))
				strbuf_addf(out, "  restarted %" PRIu64 " times", num_of(c, "restarts"));
			if (*json_text(c, "reason"))
				strbuf_addf(out, "  %s", json_text(c, "reason"));
			strbuf_addc(out, '\n');
		}
	}
}

static void provision_rows(const json_t *status, struct strbuf *out)
{
	const json_t *prov = json_object_get(status, "provision");
	if (json_array_size(prov))
		strbuf_adds(out, "provisioning\n");
	for (size_t i = 0; i < json_array_size(prov); i++) {
		const json_t *p = json_array_get(prov, i);
		strbuf_addf(out, "  %-37s %-10s", json_text(p, "id"), json_text(p, "state"));
		if (*json_text(p, "step"))
			strbuf_addf(out, "  %s", json_text(p, "step"));
		strbuf_addc(out, '\n');
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		str_split(&lines, json_text(p, "answer"), "\n");
		for (size_t k = 0; k < lines.n; k++)
			strbuf_addf(out, "      %s\n", lines.v[k]);
	}
}

static void backup_rows(const json_t *status, struct strbuf *out)
{
	const json_t *backup = json_object_get(status, "backup"), *items = json_object_get(backup, "items");
	if (!backup)
		return;
	strbuf_addf(out, "backups, next %s\n", *json_text(backup, "next") ? json_text(backup, "next") : "unknown");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *b = json_array_get(items, i);
		strbuf_addf(out, "  %-37s ", json_text(b, "id"));
		if (*json_text(b, "last"))
			strbuf_addf(out, "%s, %.1f h ago, %s", json_text(b, "last"), (double)num_of(b, "age_s") / 3600,
				str_bytes(num_of(b, "size")));
		else
			strbuf_adds(out, "none yet");
		const char *error = json_text(b, "error"); /* of several lines the first says it in short */
		if (*error)
			strbuf_addf(out, "; failed: %.*s", (int)strcspn(error, "\n"), error);
		strbuf_addc(out, '\n');
	}
}

static void link_rows(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "links");
	if (json_array_size(list))
		strbuf_adds(out, "sites\n");
	for (size_t i = 0; i < json_array_size(list); i++)
		strbuf_addf(out, "  %-16s %s\n", json_text(json_array_get(list, i), "service"),
			json_text(json_array_get(list, i), "url"));
}

static void model_rows(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "models");
	if (json_array_size(list))
		strbuf_adds(out, "language models\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		strbuf_addf(out, "  %-37s %.12s  %s%s\n", json_text(m, "name"), json_text(m, "digest"),
			str_bytes(num_of(m, "bytes")), json_is_true(json_object_get(m, "loaded")) ? ", in memory" : "");
	}
}

static void space_row(const char *what, const json_t *space, struct strbuf *out)
{
	if (num_of(space, "size"))
		strbuf_addf(out, "%s: %s of %s free\n", what, str_bytes(num_of(space, "available")),
			str_bytes(num_of(space, "size")));
}

static void detail_rows(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "certificates"), *disk = json_object_get(status, "disk");
	_cleanup_free_ char *where = xasprintf("disk %s", json_text(disk, "path"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		json_int_t days = json_integer_value(json_object_get(c, "days"));
		strbuf_addf(out,
			days < 0 ? "certificate %s: ended %" JSON_INTEGER_FORMAT " days ago\n"
				 : "certificate %s: %" JSON_INTEGER_FORMAT " days left\n",
			json_text(c, "id"), days < 0 ? -days : days);
	}
	space_row(where, disk, out);
	space_row("memory", json_object_get(json_object_get(status, "host"), "memory"), out);
	list = json_object_get(status, "refusals");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		strbuf_addf(out, "refused %s -> %s:%" PRIu64 "/%s: %" PRIu64 " packets\n", json_text(r, "from"),
			json_text(r, "to"), num_of(r, "port"), json_text(r, "protocol"), num_of(r, "packets"));
	}
	list = json_object_get(status, "problems");
	for (size_t i = 0; i < json_array_size(list); i++)
		strbuf_addf(out, "problem: %s: %s\n", json_text(json_array_get(list, i), "what"),
			json_text(json_array_get(list, i), "why"));
	list = json_object_get(status, "wanted");
	for (size_t i = 0; i < json_array_size(list); i++)
		strbuf_addf(out, "wanted: %s: kiln-agent give %s\n", json_text(json_array_get(list, i), "what"),
			json_text(json_array_get(list, i), "secret"));
	if (*json_text(status, "overlap"))
		strbuf_addf(out, "problem: the containers' subnet overlaps with %s\n", json_text(status, "overlap"));
}

static void boot_rows(const json_t *status, struct strbuf *out)
{
	const json_t *boot = json_object_get(status, "boot");
	const char *key, *sep = "boot:";
	json_t *v;
	json_object_foreach((json_t *)boot, key, v)
	{
		strbuf_addf(
			out, "%s %.*s %.1f s", sep, (int)strcspn(key, "_"), key, (double)json_integer_value(v) / 1000);
		sep = ",";
	}
	if (json_is_integer(json_object_get(status, "ready_ms"))) {
		strbuf_addf(out, "%s ready after %.1f s", sep, (double)num_of(status, "ready_ms") / 1000);
		sep = ",";
	}
	if (*sep == ',')
		strbuf_addc(out, '\n');
}

void status_text(const json_t *status, struct strbuf *out)
{
	strbuf_addf(out, "%s %s: %s%s%s\n", json_text(status, "name"), json_text(status, "version"),
		json_text(status, "state"), *json_text(status, "reason") ? ": " : "", json_text(status, "reason"));
	service_rows(status, out);
	provision_rows(status, out);
	link_rows(status, out);
	backup_rows(status, out);
	if (json_object_get(status, "gpu"))
		gpu_show(json_object_get(status, "gpu"), out);
	model_rows(status, out);
	detail_rows(status, out);
	boot_rows(status, out);
}
