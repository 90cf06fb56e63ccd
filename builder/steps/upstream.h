/* The steps of images that kiln does not compose: a layer index per blob, for as many images as have it. */
#pragma once
#include "lock/lock.h"
#include "oci/upstream.h"
#include "steps/graph.h"

struct blob_step {
	const struct pin_layer *pin;
	struct step *index;
	struct upstreams *all;
};
struct upstreams {
	struct arena arena;
	struct cache *cache;
	const struct lock *lock;
	struct blob_step *v; /* each diff id of a blob once */
	size_t n;
};

/* One step per blob of the lock's images; their blobs are in the cache (lock_fetch_images). */
void upstreams_add(struct graph *g, struct upstreams *u, const struct lock *l, struct cache *cache);
/* What the store depends on: every image's name, digests and layers. */
void upstreams_need(const struct upstreams *u, struct step *store, struct hash *key);
/* The images for store_build, u->lock->images.n of them, once the steps have run. Texts live in `mem`. */
struct upstream_image *upstreams_images(const struct upstreams *u, struct arena *mem, struct err *err);
void upstreams_release(struct upstreams *u);
