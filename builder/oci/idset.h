/* A sorted set of user or group numbers. */
#pragma once
#include "base/vec.h"
#include <stdint.h>
#include <string.h>

typedef VEC(uint32_t) id_set;

static inline void id_add(id_set *set, uint32_t id)
{
	size_t i = set->n;
	for (; i > 0 && set->v[i - 1] >= id; i--)
		if (set->v[i - 1] == id)
			return;
	vec_push(set, id);
	memmove(set->v + i + 1, set->v + i, (set->n - 1 - i) * sizeof *set->v);
	set->v[i] = id;
}
