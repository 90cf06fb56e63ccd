/*
 * Room in the cache: what no build has used for long is removed, the longest unused first (cache_used); of
 * what one build used, what wants a network goes last.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fetch/cache.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PRUNE_ALL INT64_MAX
struct prune_opts {
	time_t before;	   /* remove what was last used before this time; PRUNE_ALL: all */
	uint64_t max_size; /* and more, until the rest needs no more than so many bytes; UINT64_MAX: no limit */
	bool dry_run;	   /* only say what would be removed */
};
struct prune_result {
	struct strvec removed; /* as named below the cache, the longest unused first */
	size_t kept;	       /* entries */
	uint64_t freed;	       /* bytes on the disk; what other caches have links to is not freed */
	uint64_t size;	       /* of what is kept, shared files counted once */
};
/*
 * Everything but keys and logs. No other kiln may be at work in the cache: cache_alone. The caller releases `ret`, also
 * after an error.
 */
int prune_cache(const struct cache *c, const struct prune_opts *opts, struct prune_result *ret, struct err *err);
void prune_release(struct prune_result *r);
#define _cleanup_prune_ __attribute__((cleanup(prune_release)))
