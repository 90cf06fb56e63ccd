/* Models on their way from the lock into the store. */
#pragma once
#include "base/hash.h"
#include "lock/lock.h"
#include "oci/storemodels.h"

/* What the store depends on. */
void models_need(const struct lock *l, struct hash *key);
/* Models for store_build, *ret_n of them; their blobs are in the cache (lock_fetch_models). Texts live in `mem`. */
struct store_model *models_list(const struct lock *l, const struct cache *c, struct arena *mem, size_t *ret_n);
/* After the store could not be made: drop blobs that rotted in the cache, and say so. */
void models_drop_damaged(const struct lock *l, const struct cache *c, struct err *err);
