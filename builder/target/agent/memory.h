/* What containers have in memory, for the full status. */
#pragma once
#include "target/agent/agent.h"

/*
 * The sum over a control group and those below it of what their processes have in memory, pages that several share by
 * share (Pss): what would be free without them. Files that the kernel keeps for itself do not count. `proc` is /proc.
 */
uint64_t memory_used(const char *group, const char *proc);
/* The most that the kernel has counted in the group, such files too; 0: it does not count. */
uint64_t memory_peak(const char *group);
/* Puts {"used", "peak", "limit"} into every container of the status, and their sums into its services. */
void status_memory(const struct agent *a, json_t *status);
