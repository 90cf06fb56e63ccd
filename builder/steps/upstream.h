/*
 * The steps of images that kiln does not compose: a layer index per blob, for as many images as have it, and the layer
 * of every image that is derived from one.
 */
#pragma once
#include "lock/lock.h"
#include "oci/upstream.h"
#include "steps/graph.h"

struct blob_step {
	const struct pin_layer *pin;
	struct step *index;
	struct upstreams *all;
};
struct derived_step {
	const struct derived_spec *spec;
	const char *name;	       /* of the image in the store */
	const struct lock_image *from; /* its source in the lock */
	struct step *layer;	       /* "layer.tar" and its index */
	struct upstreams *all;
};
struct upstreams {
	struct arena arena;
	struct cache *cache;
	const struct lock *lock;
	struct blob_step *v; /* each diff id of a blob once */
	size_t n;
	struct derived_step *derived;
	size_t n_derived;
	const struct lock_image **plain; /* images that go into the store as they came */
	size_t n_plain;
};

/*
 * One step per blob of the lock's images, and one per derived image. The blobs are in the cache (lock_fetch_images).
 * ERR_TOOL when a command would have to run that is for another processor.
 */
int upstreams_add(struct graph *g, struct upstreams *u, const struct appliance *a, const struct lock *l,
	struct cache *cache, struct err *err);
/* What the store depends on: every image's name, digests and layers. The steps of derived layers have run. */
int upstreams_need(const struct upstreams *u, struct step *store, struct hash *key, struct err *err);
/*
 * What the derived images are, added to `key`, once their steps have run: not their steps' keys alone but the layers'
 * digests, as a command need not leave the same bytes twice.
 */
int upstreams_hash_derived(const struct upstreams *u, struct hash *key, struct err *err);
/* The images for store_build, *ret_n of them, once the steps have run. Texts live in `mem`. */
struct upstream_image *upstreams_images(const struct upstreams *u, struct arena *mem, size_t *ret_n, struct err *err);
void upstreams_release(struct upstreams *u);

/* Inside of builder/steps. upstream_blob.c: a step for a layer's blob, if there is none yet; its step; and an image of
 * the lock, read from the cache, with its layers' indexes; texts live in `mem`. */
void upstreams_add_blob(struct graph *g, struct upstreams *u, const struct pin_layer *p);
struct step *upstreams_index(const struct upstreams *u, const struct pin_layer *p);
int upstreams_read(const struct upstreams *u, const struct lock_image *image, struct arena *mem,
	struct upstream_image *ret, struct err *err);
/* derived.c. */
int derived_add(struct graph *g, struct upstreams *u, const struct appliance *a, struct err *err);
int derived_image(const struct derived_step *d, struct arena *mem, struct upstream_image *ret, struct err *err);
