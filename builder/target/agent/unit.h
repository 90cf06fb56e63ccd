/* systemd's units, as far as the agent must know them. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "target/agent/machine.h"
#include <stdbool.h>

/* Where the unit's control group is. The caller frees it. */
char *unit_group(const char *unit) __attribute__((returns_nonnull));
/* The ids of the processes in a control group and in those below it: podman makes some in that of a container's unit.
 */
void unit_processes(const char *group, struct strvec *pids);

/* Whether the unit has processes (its control group is populated). True where there are no such groups to look at. */
bool unit_running(const char *unit);
/* "active", "activating", "failed", ...; NULL with an error. The caller frees it. */
char *unit_state(const char *unit, struct err *err);
/*
 * Ask systemd for properties (NULL-terminated, at most UNIT_PROPERTIES_MAX) of the unit of each container; `each` gets
 * the values in that order, NULL for what was not said.
 */
enum { UNIT_PROPERTIES_MAX = 2 };
int unit_show(const struct machine *m, const char *const *properties,
	void (*each)(void *arg, const char *unit, const char *const *values), void *arg, struct err *err);
/*
 * How often systemd itself has restarted the unit of each container, in their order; nothing of that is the first
 * start, or was asked for by somebody. What has no answer stays as it is.
 */
int unit_restarts(const struct machine *m, unsigned *counts, struct err *err);
/* Queue a job, without waiting for it: "restart", "start". */
int unit_queue(const char *verb, const char *unit, struct err *err);
