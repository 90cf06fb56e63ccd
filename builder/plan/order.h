/*
 * The start order: containers and provision graphs, each after what it waits for. Containers are numbered 0.. as in the
 * appliance, then come its provisions.
 */
#pragma once
#include "plan/appliance.h"

/* Waves: level[i] is 0 for what waits for nothing, else one more than the highest it waits for. `level` has room for
 * all. */
void order_levels(const struct appliance *a, unsigned *level);
