/* Inside of oci/store: what a store will hold, and the names of containers/storage's on-disk format. */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "oci/blobindex.h"
#include "oci/store.h"

#define STORE_NO_PARENT SIZE_MAX
#define STORE_LINK 27 /* 26 characters and the NUL */

struct store_layer {
	/* Where its files come from: a tree, a blob, or (somebody pushed what kiln composed) both. */
	const struct layer *src;
	const struct upstream_layer *blob;
	enum blob_form form;	/* of the blob */
	struct members members; /* of the blob */
	struct layer_info info;
	char id[HASH_HEX], link[STORE_LINK];
	char *lower;   /* links of all layers below, nearest first; NULL in a base layer */
	size_t parent; /* index, or STORE_NO_PARENT */
};
/* Kept beside an image's record. */
struct store_item {
	char key[96];
	const char *data;
	size_t len;
	char digest[HASH_HEX];
};
struct store_record {
	/* One of the two. */
	const struct image_spec *spec;
	const struct upstream_image *upstream;
	struct image image; /* of an upstream image: id, digest and time only */
	struct strvec names;
	VEC(struct store_item) items;
	VEC(size_t) chain; /* indexes of layers, base first */
};
struct store {
	const char *data;
	const struct store_model *models; /* borrowed */
	size_t n_models;
	VEC(struct store_layer) layers;	  /* a parent before its children */
	VEC(struct store_record) records; /* by id */
};

/* The digest of a base layer, else of "PARENT+DIGEST" (not the OCI chain id). `parent` may be NULL. */
void store_layer_id(const char *parent, const char *diff_id, char out[HASH_HEX]);
/* Its short name under overlay/l: must differ from those of all stores of a machine, so it is made from the id. */
void store_link_name(const char *layer_id, char out[STORE_LINK]);
/* File name of an image's item: the key, or "=" and its base64 when it is not of [.0-9a-z]. Appended. */
void store_item_name(struct strbuf *out, const char *key);
/* overlay-layers/layers.json and overlay-images/images.json. The caller frees them. */
char *store_layers_json(const struct store *s);
char *store_images_json(const struct store *s);

/* One item more, of bytes that outlive the record; nothing when it has that key already. */
void store_add_item(struct store_record *r, const char *key, const char *digest, const char *data, size_t len);
/* The record of an upstream image (upstream_check): its times, names and items; what the record of the same config
 * already has stays. */
int store_upstream_record(const struct upstream_image *i, struct store_record *ret, struct err *err);

struct store_stream {
	const struct store *s;
	struct tar_out *t;
	uint64_t epoch;
	char prefix[160]; /* of the layer being written */
};
/* The files of a layer that comes as a blob. */
int store_put_blob(struct store_stream *w, size_t layer, struct err *err);
