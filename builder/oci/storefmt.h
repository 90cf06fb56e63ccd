/* Inside of oci/store: what a store will hold, and the names of containers/storage's on-disk format. */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "oci/store.h"

#define STORE_NO_PARENT SIZE_MAX
#define STORE_LINK 27 /* 26 characters and the NUL */

struct store_layer {
	const struct layer *src;
	struct layer_info info;
	char id[HASH_HEX], link[STORE_LINK];
	char *lower;   /* links of all layers below, nearest first; NULL in a base layer */
	size_t parent; /* index, or STORE_NO_PARENT */
};
struct store_record {
	const struct image_spec *spec;
	struct image image;
	VEC(const char *) names;
	VEC(size_t) chain; /* indexes of layers, base first */
};
struct store {
	const char *data;
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

/* The items kept beside an image's record. */
#define STORE_ITEMS 3
struct store_item {
	char key[96];
	const char *data;
	const char *digest; /* hex */
};
void store_items(const struct store_record *r, struct store_item items[STORE_ITEMS]);
