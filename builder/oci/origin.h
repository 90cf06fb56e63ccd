/*
 * Where an image's bytes come from, whatever that is: a registry, a layout, an archive. An origin brings things by
 * digest into the cache; pinning and fetching is the same for all.
 */
#pragma once
#include "fetch/cache.h"
#include "oci/manifest.h"

struct origin {
	const char *name; /* of the image, for messages */
	struct cache *cache;
	/* Bring an index or a manifest into the cache, digest and size checked. */
	int (*document)(const struct origin *o, const struct blob_ref *b, struct err *err);
	/* The same with configs and layers, as many as there are at once. */
	int (*blobs)(const struct origin *o, const struct blob_ref *const *v, size_t n, struct err *err);
	void *arg;
};
/*
 * Follow `root` (an index or a manifest; its type may be NULL) to the image for a platform. Index, manifest and config
 * are in the cache afterwards.
 */
int origin_pin(const struct origin *o, const struct blob_ref *root, const struct platform *p, struct arena *arena,
	struct image_pin *ret, struct err *err);
/* Bring what the cache lacks of an image. */
int origin_fetch(const struct origin *o, const struct image_pin *pin, struct err *err);
