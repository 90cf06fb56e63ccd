/* The status as Prometheus reads it (its text format, version 0.0.4). */
#include "target/agent/page.h"
#include <inttypes.h>

static void head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped, and what is no text made plain. */
static void label(struct strbuf *out, const char *name, const char *value)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	strbuf_add_plain(&plain, value);
	strbuf_addf(out, "%c%s=\"", out->len && out->s[out->len - 1] == '"' ? ',' : '{', name);
	for (const char *p = strbuf_cstr(&plain); *p; p++) {
		if (*p == '\\' || *p == '"')
			strbuf_addc(out, '\\');
		if (*p == '\n')
			strbuf_adds(out, "\\n");
		else
			strbuf_addc(out, *p);
	}
	strbuf_addc(out, '"');
}

static void value(struct strbuf *out, int64_t v)
{
	strbuf_addf(out, "%s%" PRId64 "\n", out->s[out->len - 1] == '"' ? "} " : " ", v);
}

static void seconds(struct strbuf *out, const char *name, const char *help, const json_t *ms)
{
	if (!json_is_integer(ms))
		return;
	head(out, name, "gauge", help);
	strbuf_addf(out, "%s %.3f\n", name, (double)json_integer_value(ms) / 1000);
}

static void bytes(struct strbuf *out, const char *name, const char *help, const json_t *n)
{
	if (!json_is_integer(n))
		return;
	head(out, name, "gauge", help);
	strbuf_adds(out, name);
	value(out, json_integer_value(n));
}

static void states(const json_t *status, struct strbuf *out)
{
	static const char *const all[] = {"starting", "ready", "degraded", "disk-full"};
	head(out, "kiln_state", "gauge", "1 for the state that the appliance is in");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		strbuf_adds(out, "kiln_state");
		label(out, "state", all[i]);
		value(out, str_eq(json_text(status, "state"), all[i]));
	}
	head(out, "kiln_been_ready", "gauge", "1 once all was ready since the machine started");
	strbuf_adds(out, "kiln_been_ready");
	value(out, json_is_integer(json_object_get(status, "ready_ms")));
	head(out, "kiln_info", "gauge", "always 1: name and version of the appliance, version of its kernel");
	strbuf_adds(out, "kiln_info");
	label(out, "name", json_text(status, "name"));
	label(out, "version", json_text(status, "version"));
	label(out, "kernel", json_text(json_object_get(status, "host"), "kernel"));
	value(out, 1);
}

static void of_services(const json_t *status, struct strbuf *out)
{
	const json_t *services = json_object_get(status, "services");
	head(out, "kiln_service_healthy", "gauge", "1 when all containers of a service are healthy");
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);
		strbuf_adds(out, "kiln_service_healthy");
		label(out, "layer", json_text(s, "layer"));
		label(out, "service", json_text(s, "name"));
		value(out, str_eq(json_text(s, "health"), "healthy"));
	}
	head(out, "kiln_service_memory_bytes", "gauge", "what the processes of a service have in memory");
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i),
			     *used = json_object_get(json_object_get(s, "memory"), "used");
		if (!json_is_integer(used))
			continue; /* not running */
		strbuf_adds(out, "kiln_service_memory_bytes");
		label(out, "layer", json_text(s, "layer"));
		label(out, "service", json_text(s, "name"));
		value(out, json_integer_value(used));
	}
	head(out, "kiln_container_restarts_total", "counter",
		"how often a container that ended or stayed unhealthy was started again");
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i), *list = json_object_get(s, "containers");
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *c = json_array_get(list, k);
			strbuf_adds(out, "kiln_container_restarts_total");
			label(out, "layer", json_text(s, "layer"));
			label(out, "service", json_text(s, "name"));
			label(out, "container", json_text(c, "name"));
			value(out, json_integer_value(json_object_get(c, "restarts")));
		}
	}
}

static void of_provisions(const json_t *status, struct strbuf *out)
{
	const json_t *list = json_object_get(status, "provision");
	head(out, "kiln_provision_done", "gauge", "1 when all steps of a provision are done");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		strbuf_adds(out, "kiln_provision_done");
		label(out, "id", json_text(p, "id"));
		value(out, str_eq(json_text(p, "state"), "done"));
	}
}

/* Of those as well of which there is no good backup, and so no age. */
static void of_backups(const json_t *status, struct strbuf *out)
{
	const json_t *items = json_object_get(json_object_get(status, "backup"), "items");
	if (json_array_size(items))
		head(out, "kiln_backup_failed", "gauge", "1 when the last try to back up an item failed");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		strbuf_adds(out, "kiln_backup_failed");
		label(out, "id", json_text(item, "id"));
		value(out, json_is_string(json_object_get(item, "error")));
	}
}

/* One gauge or counter for each member of a list that has the number. */
static void each(struct strbuf *out, const char *name, const char *type, const char *help, const json_t *list,
	const char *key, const char *const *labels)
{
	if (json_array_size(list))
		head(out, name, type, help);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i), *n = json_object_get(o, key);
		if (!json_is_integer(n))
			continue;
		strbuf_adds(out, name);
		for (const char *const *l = labels; *l; l++) {
			const json_t *v = json_object_get(o, *l);
			char number[24];
			snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
			label(out, *l, json_is_integer(v) ? number : json_text(o, *l));
		}
		value(out, json_integer_value(n));
	}
}

void page_metrics(const json_t *status, uint64_t age_ms, struct strbuf *out)
{
	static const char *const by_id[] = {"id", NULL}, *const by_pair[] = {"from", "to", "port", "protocol", NULL};
	head(out, "kiln_status_published", "gauge", "1 when there is a status to tell of");
	strbuf_adds(out, "kiln_status_published");
	value(out, status != NULL);
	if (!status)
		return;
	head(out, "kiln_status_age_seconds", "gauge",
		"since the machine last said how it is; more than 20: it does not");
	strbuf_addf(out, "kiln_status_age_seconds %.3f\n", (double)age_ms / 1000);
	const json_t *disk = json_object_get(status, "disk"),
		     *memory = json_object_get(json_object_get(status, "host"), "memory");
	states(status, out);
	of_services(status, out);
	of_provisions(status, out);
	head(out, "kiln_problems", "gauge", "problems that the status lists");
	strbuf_adds(out, "kiln_problems");
	value(out, (int64_t)json_array_size(json_object_get(status, "problems")));
	seconds(out, "kiln_uptime_seconds", "since the machine started", json_object_get(status, "uptime_ms"));
	seconds(out, "kiln_ready_seconds", "from the machine's start until all was ready",
		json_object_get(status, "ready_ms"));
	bytes(out, "kiln_disk_size_bytes", "size of /var", json_object_get(disk, "size"));
	bytes(out, "kiln_disk_available_bytes", "what is left under /var", json_object_get(disk, "available"));
	bytes(out, "kiln_memory_size_bytes", "memory of the machine", json_object_get(memory, "size"));
	bytes(out, "kiln_memory_available_bytes", "what programs can still have of it",
		json_object_get(memory, "available"));
	each(out, "kiln_certificate_days", "gauge", "days until a certificate ends",
		json_object_get(status, "certificates"), "days", by_id);
	of_backups(status, out);
	each(out, "kiln_backup_age_seconds", "gauge", "since the last good backup of an item",
		json_object_get(json_object_get(status, "backup"), "items"), "age_s", by_id);
	each(out, "kiln_refused_packets_total", "counter", "packets between containers that no claim allows",
		json_object_get(status, "refusals"), "packets", by_pair);
}
