/* What every build begins with: the lock of a profile, made when it is missing or no longer fits, and its downloads. */
#pragma once
#include "base/err.h"
#include "fetch/cache.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include <stdbool.h>

/*
 * Read the lock; resolve and write it when it is missing or the profile asks for something else now. The appliance is
 * told how large its models are.
 */
int inputs_lock(struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err);
/* Download what the cache lacks of a lock; all of it is used from now on (cache_used). */
int inputs_fetch(const struct lock *l, const struct appliance *a, struct cache *c, bool offline, struct err *err);
/* Both. */
int inputs_ready(struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err);
/*
 * The same from a bundle (steps/bundle.h), without a network: its lock must fit the profile, and becomes the lock
 * beside it. ERR_CONFIG when it does not fit, or when the lock that is there fits too and pins something else.
 */
int inputs_from(struct appliance *a, struct cache *c, const char *bundle, struct lock *ret, struct err *err);
