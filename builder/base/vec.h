/*
 * Typed growing arrays:  VEC(struct part) parts = {0};  vec_push(&parts, p);  for (size_t i = 0; i < parts.n; i++)
 * parts.v[i]... The array owns its memory, not what its elements point to.
 */
#pragma once
#include "base/mem.h"

#define VEC(type)                                                                                                      \
	struct {                                                                                                       \
		type *v;                                                                                               \
		size_t n, cap;                                                                                         \
	}
#define vec_reserve(vec, want)                                                                                         \
	do {                                                                                                           \
		if ((vec)->cap < (want)) {                                                                             \
			size_t vec_cap_ = (vec)->cap ? (vec)->cap * 2 : 8;                                             \
			if (vec_cap_ < (want))                                                                         \
				vec_cap_ = (want);                                                                     \
			(vec)->v = xreallocarray((vec)->v, vec_cap_, sizeof *(vec)->v);                                \
			(vec)->cap = vec_cap_;                                                                         \
		}                                                                                                      \
	} while (0)
#define vec_push(vec, ...)                                                                                             \
	do {                                                                                                           \
		vec_reserve((vec), (vec)->n + 1);                                                                      \
		(vec)->v[(vec)->n++] = (__VA_ARGS__);                                                                  \
	} while (0)
#define vec_release(vec)                                                                                               \
	do {                                                                                                           \
		free((vec)->v);                                                                                        \
		(vec)->v = NULL;                                                                                       \
		(vec)->n = (vec)->cap = 0;                                                                             \
	} while (0)
