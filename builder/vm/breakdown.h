/* What took how long from power-on to ready, from the last full status of a boot (docs/formats.md, "Status"). */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum span_kind { SPAN_BOOT, SPAN_CONTAINER, SPAN_PROVISION, SPAN_STEP };

struct span {
	enum span_kind kind;
	const char *name,
		*of;	 /* `of`: its service, or for a step its graph; "" for none. They point into the status. */
	const char *how; /* of a step: "done", "already so", "recorded"; else "" */
	double from_ms, to_ms; /* since power-on */
};
struct breakdown {
	struct span *v; /* in order of the status: boot, containers, provision graphs with their steps */
	size_t n, cap;
	double total_ms; /* power-on to ready, or as far as it came */
	bool ready;
};
/* The status comes from the machine: what is missing or of another type is left out. Lives no longer than `boot`. */
void breakdown_of(const json_t *boot, struct breakdown *ret);
void breakdown_release(struct breakdown *b);
/* Bytes that a service or container has in memory: "used", "peak" or "limit"; 0: not said. */
uint64_t breakdown_memory(const json_t *of, const char *key);
