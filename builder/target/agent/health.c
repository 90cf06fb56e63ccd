#include "target/agent/health.h"
#include "base/json.h"
#include "base/path.h"

static const char *const names[] = {"unknown", "starting", "healthy", "unhealthy"};

const char *health_name(enum health_state s)
{
	return names[s];
}

static enum health_state state_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, names[i]))
			return (enum health_state)i;
	return HEALTH_UNKNOWN;
}

int health_write(const struct agent *a, const struct health_table *t, struct err *err)
{
	_cleanup_json_ json_t *root = json_object();
	json_t *list = json_object();
	json_object_set_new(root, "beat_ms", json_integer((json_int_t)t->beat_ms));
	json_object_set_new(root, "containers", list);
	for (size_t i = 0; i < t->n; i++) {
		const struct health_entry *e = &t->v[i];
		json_t *j = json_object();
		json_object_set_new(j, "state", json_string(health_name(e->state)));
		json_object_set_new(j, "since_ms", json_integer((json_int_t)e->since_ms));
		json_object_set_new(j, "restarts", json_integer((json_int_t)e->restarts));
		json_object_set_new(j, "unit_restarts", json_integer((json_int_t)e->unit_restarts));
		json_t *reason = e->reason ? json_string(e->reason) : NULL;
		if (reason)
			json_object_set_new(j, "reason", reason);
		json_object_set_new(list, a->m.containers[i].name, j);
	}
	_cleanup_free_ char *path = path_join(a->run, "health.json");
	return agent_publish(path, root, err);
}

void health_read(const struct agent *a, struct health_table *t)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = path_join(a->run, "health.json");
	_cleanup_json_ json_t *root = path_exists(path) ? json_read(path, 16 << 20, &ignored) : NULL;
	*t = (struct health_table){.v = xcalloc(a->m.n_containers + 1, sizeof *t->v), .n = a->m.n_containers};
	t->beat_ms = (uint64_t)json_integer_value(json_object_get(root, "beat_ms"));
	t->fresh = t->beat_ms && agent_ms() - t->beat_ms < HEALTH_STALE_MS;
	const json_t *list = json_object_get(root, "containers");
	for (size_t i = 0; i < t->n; i++) {
		const json_t *j = json_object_get(list, a->m.containers[i].name);
		const char *reason = json_string_value(json_object_get(j, "reason"));
		t->v[i] = (struct health_entry){.state = state_of(json_string_value(json_object_get(j, "state"))),
			.since_ms = (uint64_t)json_integer_value(json_object_get(j, "since_ms")),
			.restarts = (unsigned)json_integer_value(json_object_get(j, "restarts")),
			.unit_restarts = (unsigned)json_integer_value(json_object_get(j, "unit_restarts")),
			.reason = reason ? xstrdup(reason) : NULL};
	}
}

void health_release(struct health_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].reason);
	free(t->v);
	*t = (struct health_table){0};
}
