/* Parts of the lock's JSON. Inside of builder/lock. */
#pragma once
#include "lock/lock.h"
#include <jansson.h>

/* Locks without models do not have the member: NULL. */
json_t *lock_models_json(const struct lock *l);
int lock_read_models(const json_t *root, struct lock *l, struct err *err);
