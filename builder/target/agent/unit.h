/* systemd's units, as far as the agent must know them. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* Whether the unit has processes (its control group is populated). True where there are no such groups to look at. */
bool unit_running(const char *unit);
/* "active", "activating", "failed", ...; NULL with an error. The caller frees it. */
char *unit_state(const char *unit, struct err *err);
/* Queue a job, without waiting for it: "restart", "start". */
int unit_queue(const char *verb, const char *unit, struct err *err);
