/* Are all healthy and provisioned, and if not, why not? */
#include "base/json.h"
#include "base/path.h"
#include "target/agent/backup.h"
#include "target/agent/given.h"
#include "target/agent/health.h"
#include "target/agent/site.h"
#include "target/agent/status.h"
#include <dirent.h>
#include <sys/statvfs.h>

#define FULL_BYTES (UINT64_C(64) << 20)

void status_problem(const struct agent *a, const char *what, const char *msg)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/problems/%s.json", a->run, what);
	if (!msg) {
		path_remove(path, &ignored);
		return;
	}
	_cleanup_json_ json_t *text = json_string(msg);
	_cleanup_json_ json_t *j = json_pack("{s:s, s:O}", "what", what, "why", text ? text : json_null());
	agent_publish(path, j, &ignored);
}

static json_t *problems(const struct agent *a)
{
	_cleanup_free_ char *dir = path_join(a->run, "problems");
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	json_t *list = json_array();
	DIR *d = opendir(dir);
	const struct dirent *e;
	while (d && (e = readdir(d)))
		if (str_ends(e->d_name, ".json"))
			strvec_add(&names, e->d_name);
	if (d)
		closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *path = path_join(dir, names.v[i]);
		json_t *j = json_read(path, 1 << 20, &ignored);
		if (j)
			json_array_append_new(list, j);
	}
	return list;
}

static json_t *container_json(const struct agent *a, const struct container *c, const struct health_entry *h)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/started/%s.json", a->run, c->name);
	_cleanup_json_ json_t *times = path_exists(path) ? json_read(path, 4096, &ignored) : NULL;
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:i}", "name", c->name, "unit", c->unit, "address", c->address,
		"health", health_name(h->state), "since_ms", (json_int_t)h->since_ms, "restarts", (int)h->restarts);
	if (h->reason)
		json_object_set_new(j, "reason", json_string(h->reason));
	if (times)
		json_object_update(j, times);
	return j;
}

/* A service is as healthy as its worst container. */
static json_t *services(const struct agent *a, const struct health_table *t, size_t *not_healthy, bool *unhealthy)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->m.n_services; i++) {
		const struct service *s = &a->m.services[i];
		if (!s->containers[0])
			continue; /* part of the OS: nothing of it can be asked */
		enum health_state worst = HEALTH_HEALTHY;
		json_t *containers = json_array();
		for (const char *const *n = s->containers; *n; n++) {
			const struct container *c = machine_container(&a->m, *n);
			if (!c)
				continue;
			struct health_entry h = t->v[c - a->m.containers];
			if (!t->fresh)
				h.state = HEALTH_UNKNOWN;
			if (h.state != HEALTH_HEALTHY && worst != HEALTH_UNHEALTHY)
				worst = h.state == HEALTH_UNKNOWN && worst == HEALTH_STARTING ? worst : h.state;
			json_array_append_new(containers, container_json(a, c, &h));
		}
		*not_healthy += worst != HEALTH_HEALTHY;
		*unhealthy |= worst == HEALTH_UNHEALTHY;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", s->name, "layer",
						    s->layer ? s->layer : "", "summary", s->summary ? s->summary : "",
						    "health", health_name(worst), "containers", containers));
	}
	return list;
}

static json_t *provisions(const struct agent *a, size_t *not_done, bool *failed)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->m.n_provisions; i++) {
		const struct provision *p = &a->m.provisions[i];
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *path = xasprintf("%s/provision/%s.json", a->run, p->id);
		json_t *j = path_exists(path) ? json_read(path, 16 << 20, &ignored) : NULL;
		if (!j)
			j = json_pack("{s:s, s:s, s:[]}", "id", p->id, "state", "waiting", "steps");
		const char *state = json_string_value(json_object_get(j, "state"));
		*not_done += !str_eq(state, "done");
		*failed |= str_eq(state, "failed");
		json_object_set_new(j, "service", json_string(p->service));
		json_object_set_new(j, "title", json_string(p->title ? p->title : p->id));
		json_array_append_new(list, j);
	}
	return list;
}

/* Full: less than 64 MiB, or than 3 % of a small disk, is left to containers. */
static json_t *disk(const struct agent *a, bool *full)
{
	struct statvfs v;
	if (statvfs(a->state, &v) < 0)
		return json_null();
	uint64_t size = (uint64_t)v.f_blocks * v.f_frsize, avail = (uint64_t)v.f_bavail * v.f_frsize;
	*full = avail < (size / 100 * 3 < FULL_BYTES ? size / 100 * 3 : FULL_BYTES);
	return json_pack("{s:s, s:I, s:I}", "path", "/var", "size", (json_int_t)size, "available", (json_int_t)avail);
}

/* What `gpu` found; no GPU is no trouble: the services run on the CPU. NULL: none wanted, or not looked yet. */
static json_t *gpu_known(const struct agent *a)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = path_join(a->run, "gpu.json");
	return json_object_get(a->m.root, "gpu") && path_exists(path) ? json_read(path, 1 << 20, &ignored) : NULL;
}

json_t *status_core(const struct agent *a)
{
	struct health_table t;
	size_t not_healthy = 0, not_done = 0;
	bool unhealthy = false, failed = false, full = false;
	health_read(a, &t);
	json_t *list = services(a, &t, &not_healthy, &unhealthy), *prov = provisions(a, &not_done, &failed),
	       *space = disk(a, &full), *wrong = problems(a);
	_cleanup_free_ char *ready_path = path_join(a->run, "ready.json");
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_json_ json_t *was_ready = path_exists(ready_path) ? json_read(ready_path, 4096, &ignored) : NULL;
	bool all = !not_healthy && !not_done && !json_array_size(wrong);
	/* A backup that failed before the restart, a certificate that ends: problems, but none to hold up the start. */
	size_t before = json_array_size(wrong);
	json_t *saved = backup_status(a, wrong);
	site_problems(a, wrong);
	if (json_array_size(wrong) > before && was_ready)
		all = false;
	const char *state = full					 ? "disk-full"
			    : all					 ? "ready"
			    : was_ready || unhealthy || failed || before ? "degraded"
									 : "starting";
	const char *reason = full ? "/var is full: free space there, or give the machine a larger disk and restart it"
			     : t.fresh || all ? NULL
					      : "the health watch does not run (kiln-agent watch)";
	json_t *out = json_pack("{s:i, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "kiln", 1, "name",
		a->m.name ? a->m.name : "", "version", a->m.version ? a->m.version : "", "state", state, "uptime_ms",
		(json_int_t)agent_ms(), "services", list, "provision", prov, "disk", space, "problems", wrong);
	json_object_set_new(out, "reason", reason ? json_string(reason) : json_null());
	json_object_set_new(
		out, "ready_ms", was_ready ? json_incref(json_object_get(was_ready, "ready_ms")) : json_null());
	if (saved)
		json_object_set_new(out, "backup", saved);
	/* Nothing is wrong without: a machine that was just installed has none of them. */
	json_t *wanted = given_wanted(a);
	if (wanted)
		json_object_set_new(out, "wanted", wanted);
	json_t *gpu = gpu_known(a);
	if (gpu)
		json_object_set_new(out, "gpu", gpu);
	health_release(&t);
	return out;
}

char *status_essence(const json_t *core)
{
	_cleanup_json_ json_t *copy = json_copy((json_t *)core);
	json_object_del(copy, "uptime_ms");
	json_object_del(copy, "disk");
	json_t *backup = json_deep_copy(json_object_get(core, "backup")), *items = json_object_get(backup, "items");
	for (size_t i = 0; i < json_array_size(items); i++)
		json_object_del(json_array_get(items, i), "age_s");
	if (backup)
		json_object_set_new(copy, "backup", backup);
	return json_compact(copy);
}
