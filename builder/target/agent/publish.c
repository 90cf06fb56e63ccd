#include "target/agent/publish.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/agent/memory.h"
#include "target/agent/status.h"
#include "target/agent/text.h"

enum {
	TICK_MS = 1000,
	BEAT_MS = 5000,
	DETAILS_MS = 30000,
	TROUBLE_MS = 10000,
	LOGS_MS = 10000,
	UNITS_MAX = 8,
	LINES_MAX = 16 << 10
};

/* A text from elsewhere as JSON: plain, secrets masked. */
static json_t *masked(const char *text, const struct strvec *masks)
{
	_cleanup_free_ char *shown = text_shown(text, masks);
	return json_string(shown);
}

/* A program's output may follow in the next lines. */
static void first_line(json_t *o, const char *key, const struct strvec *masks)
{
	const char *text = json_string_value(json_object_get(o, key));
	if (!text)
		return;
	_cleanup_free_ char *line = xstrndup(text, strcspn(text, "\n"));
	json_object_set_new(o, key, masked(line, masks));
}

static void first_lines(json_t *list, const char *key, const struct strvec *masks)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		first_line(json_array_get(list, i), key, masks);
}

void publish_open(const struct agent *a, json_t *status)
{
	_cleanup_strvec_ struct strvec masks = STRVEC_INIT;
	json_t *services = json_object_get(status, "services"), *steps = json_object_get(status, "provision"),
	       *wanted = json_object_get(status, "wanted");
	text_mask_all(a, &masks);
	for (size_t i = 0; i < json_array_size(services); i++)
		first_lines(json_object_get(json_array_get(services, i), "containers"), "reason", &masks);
	for (size_t i = 0; i < json_array_size(steps); i++)
		json_object_del(json_array_get(steps, i), "answer");
	for (size_t i = 0; i < json_array_size(wanted); i++)
		json_object_del(json_array_get(wanted, i), "what");
	first_lines(json_object_get(status, "problems"), "why", &masks);
	first_lines(json_object_get(json_object_get(status, "backup"), "items"), "error", &masks);
	status_host(a, status);
}

/* In trouble, or starting for so long that people ask why. */
static bool is_worth_a_look(const json_t *c)
{
	uint64_t since = (uint64_t)json_integer_value(json_object_get(c, "since_ms")), now = agent_ms();
	return str_eq(json_text(c, "health"), "unhealthy") ||
	       (str_eq(json_text(c, "health"), "starting") && now > since && now - since > TROUBLE_MS);
}

static void container_logs(
	const json_t *status, const struct strvec *masks, char *(*lines)(const char *unit), json_t *out)
{
	const json_t *services = json_object_get(status, "services");
	uint64_t begun = agent_ms();
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *list = json_object_get(json_array_get(services, i), "containers");
		for (size_t k = 0; k < json_array_size(list) && json_array_size(out) < UNITS_MAX; k++) {
			const json_t *c = json_array_get(list, k);
			bool look = is_worth_a_look(c) && agent_ms() - begun < LOGS_MS;
			_cleanup_free_ char *text = look ? lines(json_text(c, "unit")) : NULL;
			if (text && *text)
				json_array_append_new(out, json_pack("{s:s, s:o}", "name", json_text(c, "name"),
								   "lines", masked(text, masks)));
		}
	}
}

json_t *publish_logs(const struct agent *a, const json_t *status, char *(*lines)(const char *unit))
{
	_cleanup_strvec_ struct strvec masks = STRVEC_INIT;
	json_t *steps = json_array(), *units = json_array(), *wrong = json_array();
	const json_t *all = json_object_get(status, "provision"), *problems = json_object_get(status, "problems");
	text_mask_all(a, &masks);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *p = json_array_get(all, i);
		if (*json_text(p, "answer"))
			json_array_append_new(steps, json_pack("{s:s, s:o}", "id", json_text(p, "id"), "answer",
							     masked(json_text(p, "answer"), &masks)));
	}
	container_logs(status, &masks, lines, units);
	for (size_t i = 0; i < json_array_size(problems); i++) {
		const json_t *p = json_array_get(problems, i);
		if (strchr(json_text(p, "why"), '\n')) /* the first line is in the status */
			json_array_append_new(wrong, json_pack("{s:s, s:o}", "what", json_text(p, "what"), "why",
							     masked(json_text(p, "why"), &masks)));
	}
	return json_pack("{s:o, s:o, s:o}", "provision", steps, "containers", units, "problems", wrong);
}

static char *journal(const char *unit)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct strbuf out = STRBUF_INIT;
	const char *const argv[] = {
		"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20", "--unit", unit, NULL};
	if (proc_run(argv, &(struct proc_opts){.capture = &out, .timeout_ms = 10000}, &ignored) < 0 || !out.len) {
		strbuf_release(&out);
		return NULL;
	}
	size_t from = out.len > LINES_MAX ? out.len - LINES_MAX : 0;
	const char *line =
		from ? strchr(out.s + from, '\n') : NULL; /* not in the middle of a secret, that no mask would find */
	if (from)
		from = line ? (size_t)(line - out.s) + 1 : out.len;
	char *text = xstrdup(out.s + from);
	strbuf_release(&out);
	return text;
}

/* What asks other programs is asked now and then, and whenever the state changes; the last answers hold meanwhile. */
struct publisher {
	const struct agent *a;
	const char *dir;
	json_t *details, *next; /* next: when backups are made */
	json_t *memory;		/* of services, by their names */
	char *state, *essence;
	uint64_t details_ms, written_ms;
};

/* Every service's, and put into a status that has them too. */
static json_t *memory_of(const json_t *status)
{
	json_t *all = json_object(), *list = json_object_get(status, "services");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);
		json_object_set(all, json_text(s, "name"), json_object_get(s, "memory"));
	}
	return all;
}

static void put_memory(json_t *status, const json_t *all)
{
	json_t *list = json_object_get(status, "services");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *s = json_array_get(list, i);
		json_object_set(s, "memory", json_object_get(all, json_text(s, "name")));
	}
}

static void details(struct publisher *p, json_t *status)
{
	static const char *const keys[] = {"certificates", "refusals", "boot", "overlap", "models"};
	if (!p->details || agent_ms() - p->details_ms > DETAILS_MS || !str_eq(p->state, json_text(status, "state"))) {
		_cleanup_json_ json_t *whole = json_deep_copy(status);
		status_details(p->a, whole);
		status_models(p->a, whole);
		status_memory(p->a, whole);
		json_decref(p->details);
		p->details = json_object();
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			json_object_set(p->details, keys[i], json_object_get(whole, keys[i]));
		json_decref(p->memory);
		p->memory = memory_of(whole);
		p->details_ms = agent_ms();
		json_decref(p->next);
		p->next = json_incref(json_object_get(json_object_get(whole, "backup"), "next"));
		free(p->state);
		p->state = xstrdup(json_text(status, "state"));
	}
	json_object_update(status, p->details);
	put_memory(status, p->memory);
	if (p->next)
		json_object_set(json_object_get(status, "backup"), "next", p->next);
}

/* `at`: when it was so; to ask others for more may have taken long since. */
static int put(const struct publisher *p, const char *name, uint64_t at, json_t *j, struct err *err)
{
	_cleanup_free_ char *path = path_join(p->dir, name);
	json_object_set_new(j, "published_ms", json_integer((json_int_t)at));
	return agent_publish_mode(path, j, 0644, err); /* who may enter the directory reads it */
}

static int tick(struct publisher *p, struct err *err)
{
	_cleanup_json_ json_t *status = status_core(p->a);
	_cleanup_free_ char *now = status_essence(status);
	uint64_t at = agent_boot_ms();
	if (p->essence && str_eq(now, p->essence) && agent_ms() - p->written_ms < BEAT_MS)
		return 0;
	free(p->essence);
	p->essence = steal(now);
	p->written_ms = agent_ms();
	_cleanup_json_ json_t *whole = json_deep_copy(status);
	publish_open(p->a, status);
	details(p, status);
	if (put(p, "status.json", at, status, err) < 0)
		return -1;
	_cleanup_json_ json_t *logs = publish_logs(p->a, whole, journal);
	return put(p, "logs.json", at, logs, err);
}

int publish_for_ever(const struct agent *a, const char *dir, struct err *err)
{
	struct publisher p = {.a = a, .dir = dir};
	if (path_mkdirs(dir, err) < 0)
		return -1;
	for (;; agent_sleep(TICK_MS)) {
		_cleanup_err_ struct err why = ERR_INIT;
		/* A full /run is no reason to end: it is tried again. */
		if (tick(&p, &why) < 0)
			log_warn("%s", why.msg);
	}
}
