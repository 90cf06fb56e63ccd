#include "target/agent/memory.h"
#include "base/json.h"
#include "base/path.h"
#include "target/agent/unit.h"
#include <inttypes.h>

/* A process that has just ended has nothing. */
static uint64_t process_used(const char *proc, const char *pid)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/%s/smaps_rollup", proc, pid);
	_cleanup_free_ char *text = path_read(path, 1 << 16, NULL, &ignored);
	const char *line = text ? strstr(text, "\nPss:") : NULL;
	uint64_t kib = 0;
	if (!line || sscanf(line, "\nPss: %" SCNu64 " kB", &kib) != 1)
		return 0;
	return kib * 1024;
}

uint64_t memory_used(const char *group, const char *proc)
{
	_cleanup_strvec_ struct strvec pids = STRVEC_INIT;
	uint64_t sum = 0;
	unit_processes(group, &pids);
	for (size_t i = 0; i < pids.n; i++)
		sum += process_used(proc, pids.v[i]);
	return sum;
}

uint64_t memory_peak(const char *group)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = path_join(group, "memory.peak");
	_cleanup_free_ char *text = path_exists(path) ? path_read(path, 64, NULL, &ignored) : NULL;
	uint64_t n = 0;
	return text && sscanf(text, "%" SCNu64, &n) == 1 ? n : 0;
}

/* Adds to a member; one that is nothing stays away. */
static void add(json_t *o, const char *key, uint64_t n)
{
	if (n)
		json_object_set_new(o, key, json_integer(json_integer_value(json_object_get(o, key)) + (json_int_t)n));
}

static void add_all(json_t *sum, json_t *one)
{
	const char *key;
	json_t *n;
	json_object_foreach(one, key, n) add(sum, key, (uint64_t)json_integer_value(n));
}

void status_memory(const struct agent *a, json_t *status)
{
	json_t *services = json_object_get(status, "services");
	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *service = json_array_get(services, i), *list = json_object_get(service, "containers");
		json_t *all = json_object();
		for (size_t k = 0; k < json_array_size(list); k++) {
			json_t *o = json_array_get(list, k), *one = json_object();
			const struct container *c = machine_container(&a->m, json_text(o, "name"));
			_cleanup_free_ char *group = unit_group(json_text(o, "unit"));
			add(one, "used", memory_used(group, "/proc"));
			add(one, "peak", memory_peak(group));
			add(one, "limit", c ? c->memory : 0);
			add_all(all, one);
			json_object_set_new(o, "memory", one);
		}
		json_object_set_new(service, "memory", all);
	}
}
