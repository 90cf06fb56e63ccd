/*
 * What an appliance is made of, as an SPDX 2.3 document (docs/formats.md, "SBOM"): a function of the lock and of what
 * else is given. The same input gives the same bytes.
 */
#pragma once
#include "fetch/cache.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include <jansson.h>

struct sbom_input {
	const struct lock *l;
	const char *name;		    /* of the appliance */
	const struct appliance *a;	    /* tells derived images; NULL: only the lock is known */
	const struct cache *cache;	    /* packages that lie here tell their source and maintainer; or NULL */
	const char *version;		    /* of the image; NULL: it is not built */
	const char *root_hash, *store_hash; /* dm-verity's, of a built image; or NULL */
	size_t *silent;			    /* counts packages that could not be read in the cache; or NULL */
};
/* The caller owns it. */
json_t *sbom_make(const struct sbom_input *in) __attribute__((returns_nonnull));
/* Raised when a change of kiln changes the document of the same input. */
enum { SBOM_VERSION = 2 };
