/* RUN/health.json: what `watch` knows of all containers, for `ready`, `status`, `report` and provision steps. */
#pragma once
#include "target/agent/agent.h"

enum health_state { HEALTH_UNKNOWN, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };
struct health_entry {
	enum health_state state;
	uint64_t since_ms;	/* of the state, agent_ms */
	unsigned restarts;	/* by watch and by systemd, since the machine's start */
	unsigned unit_restarts; /* those that systemd last said, which are in `restarts` */
	char *reason;		/* why not healthy; NULL otherwise */
};
struct health_table {
	struct health_entry *v; /* in the order of machine.containers */
	size_t n;
	uint64_t beat_ms; /* when watch last wrote */
	bool fresh;	  /* written within the last HEALTH_STALE_MS by a watch that runs */
};
#define HEALTH_STALE_MS 20000

const char *health_name(enum health_state s);
int health_write(const struct agent *a, const struct health_table *t, struct err *err);
/* A missing or broken file is a table of unknowns that is not fresh. Release with health_release. */
void health_read(const struct agent *a, struct health_table *t);
void health_release(struct health_table *t);
