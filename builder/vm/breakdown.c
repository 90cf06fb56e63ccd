#include "vm/breakdown.h"
#include "base/json.h"
#include "base/mem.h"
#include <string.h>

uint64_t breakdown_memory(const json_t *of, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(json_object_get(of, "memory"), key));

	return n > 0 && n < (json_int_t)1 << 50 ? (uint64_t)n : 0;
}

/* A number of milliseconds that can be one; -1: there is none. */
static double ms_of(const json_t *obj, const char *key)
{
	const json_t *j = json_object_get(obj, key);
	double v = json_is_number(j) ? json_number_value(j) : -1;

	return v >= 0 && v < 1e12 ? v : -1;
}

static void add(struct breakdown *b, struct span s)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 32;
		b->v = xreallocarray(b->v, b->cap, sizeof *b->v);
	}
	b->v[b->n++] = s;
}

/* Inside init: root and store opened, after the disk was found. */
static void add_root(struct breakdown *b, const json_t *boot, double init, double end)
{
	double at = init + ms_of(boot, "root_at_ms"), ms = ms_of(boot, "root_ms");

	if (at >= init && ms >= 0 && at + ms <= end)
		add(b, (struct span){.kind = SPAN_BOOT,
			       .name = "root and store, in init",
			       .of = "",
			       .how = "",
			       .from_ms = at,
			       .to_ms = at + ms});
}

/* One after another from power-on. Returns where the kernel began: there the machine's own clock starts. */
static double add_boot(struct breakdown *b, const json_t *boot)
{
	static const char *const parts[][2] = {{"before_kernel_ms", "firmware and boot loader"},
		{"firmware_ms", "firmware"}, {"loader_ms", "boot loader"}, {"kernel_ms", "kernel"}, {"init_ms", "init"},
		{"userspace_ms", "userspace, to ready"}};
	double at = 0, kernel = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		double ms = ms_of(boot, parts[i][0]);
		if (i == 3)
			kernel = at;
		if (ms < 0)
			continue;
		add(b, (struct span){.kind = SPAN_BOOT,
			       .name = parts[i][1],
			       .of = "",
			       .how = "",
			       .from_ms = at,
			       .to_ms = at + ms});
		if (i == 4)
			add_root(b, boot, at, at + ms);
		at += ms;
	}
	return kernel;
}

static void add_containers(struct breakdown *b, const json_t *service, double zero)
{
	size_t i;
	json_t *c;

	json_array_foreach(json_object_get(service, "containers"), i, c)
	{
		double from = ms_of(c, "started_ms"), to = ms_of(c, "healthy_ms");
		if (from < 0 || to < from)
			continue;
		add(b, (struct span){.kind = SPAN_CONTAINER,
			       .name = json_text(c, "name"),
			       .of = json_text(service, "name"),
			       .how = "",
			       .from_ms = zero + from,
			       .to_ms = zero + to});
	}
}

/* Its steps run one after another; what is between two of them is waiting: for a lock, for text to be resolved. */
static void add_provision(struct breakdown *b, const json_t *graph, double zero)
{
	double from = ms_of(graph, "started_ms"), to = ms_of(graph, "changed_ms");
	const char *id = json_text(graph, "id");
	size_t i;
	json_t *s;

	if (from < 0 || to < from || !json_array_size(json_object_get(graph, "steps")))
		return;
	add(b, (struct span){.kind = SPAN_PROVISION,
		       .name = id,
		       .of = json_text(graph, "service"),
		       .how = "",
		       .from_ms = zero + from,
		       .to_ms = zero + to});
	double at = zero + from;
	json_array_foreach(json_object_get(graph, "steps"), i, s)
	{
		double ms = ms_of(s, "ms"), begun = ms_of(s, "at_ms");
		if (ms < 0)
			continue;
		if (begun >= 0)
			at = zero + begun;
		add(b, (struct span){.kind = SPAN_STEP,
			       .name = json_text(s, "name"),
			       .of = id,
			       .how = json_text(s, "how"),
			       .from_ms = at,
			       .to_ms = at + ms});
		at += ms;
	}
}

void breakdown_of(const json_t *boot, struct breakdown *ret)
{
	size_t i;
	json_t *j;

	*ret = (struct breakdown){0};
	double zero = add_boot(ret, json_object_get(boot, "boot"));
	json_array_foreach(json_object_get(boot, "services"), i, j) add_containers(ret, j, zero);
	json_array_foreach(json_object_get(boot, "provision"), i, j) add_provision(ret, j, zero);
	double ready = ms_of(boot, "ready_ms"), up = ms_of(boot, "uptime_ms");
	ret->ready = ready >= 0;
	ret->total_ms = zero + (ready >= 0 ? ready : up >= 0 ? up : 0);
}

void breakdown_release(struct breakdown *b)
{
	free(b->v);
	*b = (struct breakdown){0};
}
