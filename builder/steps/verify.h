/* Is the cache still what was put into it? Every download by its name, every unpacked package and step by its record.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fetch/cache.h"

struct verify_result {
	size_t downloads, unpacked, steps; /* looked at */
	size_t unrecorded;		   /* of the latter two: made by a kiln that left no record */
	struct strvec damaged;		   /* as named below the cache, sorted; they are removed */
};
/*
 * Read all of the cache with `threads` threads (0: one per core) and remove what is damaged: the next build makes or
 * fetches it again. No other kiln may be at work in the cache: cache_alone. The caller releases `ret`, also after an
 * error.
 */
int verify_cache(const struct cache *c, unsigned threads, struct verify_result *ret, struct err *err);
void verify_release(struct verify_result *r);
#define _cleanup_verify_ __attribute__((cleanup(verify_release)))
