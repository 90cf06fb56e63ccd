/* The step that makes the image's own SBOM: what kiln sbom says of the profile. */
#pragma once
#include "fetch/cache.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include "steps/graph.h"

struct sbom_step {
	const struct appliance *a;
	const struct lock *l;
	const struct cache *cache;
	struct step *step; /* "sbom.spdx.json" */
};
/*
 * Without version and root hashes, which follow from what it lies in. Each package of the lock must be in the cache
 * when the step runs; a damaged one is dropped from there, and the error.
 */
void sbom_step_add(struct graph *g, struct sbom_step *d);
