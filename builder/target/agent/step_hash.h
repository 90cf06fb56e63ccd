/* What tells whether a step has changed since it was done: the hash of its text, without what does not last. */
#pragma once
#include "base/hash.h"
#include "target/agent/agent.h"

/* `fresh: true`: what the step saves is good for one try of the steps after it. */
bool step_is_fresh(const json_t *step);
/* Of step i, resolved but for what fresh steps before it save. -1 when something is not known yet. */
int step_hash(const struct agent *a, const struct provision *p, size_t i, struct strvec *masks, char hash[HASH_HEX],
	struct err *err);
