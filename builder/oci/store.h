/*
 * podman's additional image store (containers/storage 1.57, overlay driver) as one squashfs, from which containers
 * start with nothing imported. The file system holds `containers/` (the store) and `data/` (large read-only files).
 */
#pragma once
#include "base/err.h"
#include "oci/image.h"
#include "oci/storemodels.h"
#include "oci/upstream.h"
#include "tree/squash.h"
#include <jansson.h>

struct store_spec {
	const struct image_spec *images; /* composed */
	size_t n_images;
	const struct upstream_image *upstream;
	size_t n_upstream;
	const char *data;		  /* plain directory whose content goes to data/, or NULL */
	const struct store_model *models; /* go to data/models/, which is there when there are any */
	size_t n_models;
};
/*
 * Every layer must have its index (layer_index, upstream_index). Layers are shared: one that several images have is in
 * the store once. `report`, when not NULL, gets {"size", "stream", "inodes", "images":
 * [{"id","digest","names","layers":[ID]}], "layers": [{"id","diff_id","size"}]}; the caller owns it.
 */
int store_build(const struct squash_opts *opts, const struct store_spec *spec, json_t **report, struct err *err);
/* The same as a tar stream, for any other maker. Call it in the namespace. */
struct store; /* what will be written: images in order of id, layers in order of chains */
struct store *store_plan(const struct store_spec *spec, struct err *err);
int store_write(const struct store *s, struct tar_out *t, uint64_t epoch, struct err *err);
json_t *store_report(const struct store *s);
void store_free(struct store *s);
