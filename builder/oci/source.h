/* Any image that is not composed, wherever it comes from: pinned and fetched. */
#pragma once
#include "config/reference.h"
#include "oci/pull.h"

struct image_place {
	struct image_source from;
	const char *
		path; /* of a layout or an archive on this host: from.path, made absolute or relative to where we are */
	const char *name; /* for messages and records: canonical reference, or as written */
};
/*
 * Find out its digests. With the registry's net->offline a reference means what it meant when it was last asked for;
 * layouts and archives are always read.
 */
int source_pin(const struct pull *p, const struct image_place *at, struct arena *arena, struct image_pin *ret,
	struct err *err);
/* Bring what the cache lacks. Does not even open the source when nothing is lacking. */
int source_fetch(const struct pull *p, const struct image_place *at, const struct image_pin *pin, struct err *err);
/* Bytes that the cache lacks of an image; of *ret_all (may be NULL) in all. */
uint64_t source_missing(const struct cache *c, const struct image_pin *pin, uint64_t *ret_all);
