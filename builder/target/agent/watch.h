/* The judgement behind `watch`, free of clocks and probes. */
#pragma once
#include "target/agent/health.h"

struct watch_state {
	uint64_t started_ms;			       /* first seen running; 0: not running */
	uint64_t healthy_since_ms, unhealthy_since_ms; /* 0: it is not */
	uint64_t next_restart_ms, backoff_ms;
	unsigned fails; /* in a row */
	bool was_healthy;
};
/* What one probe means: starting until `start_ms` are over, healthy through two failures, then unhealthy. */
enum health_state watch_step(struct watch_state *s, const struct health *h, bool running, bool ok, uint64_t now);
/*
 * Whether an unhealthy container may be restarted now; counts as done when true. After half a minute of it, since a
 * busy machine is no reason to make it busier; then 60 s, 120 s, ... 15 min apart.
 */
bool watch_restart_due(struct watch_state *s, uint64_t now);
/*
 * Take over what systemd says of its own restarts of the unit (unit_restarts): it ended, or was killed for memory. A
 * restart by anybody else lets systemd begin at nothing again; `restarts` only ever rises. Whether it did.
 */
bool watch_count(struct health_entry *e, unsigned unit_restarts);
