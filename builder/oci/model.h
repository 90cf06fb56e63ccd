/*
 * Models as Ollama's registry keeps them, a dialect of OCI: a manifest of Docker's type whose layers are the weights
 * (GGUF) and texts, each by media type, and none of them is unpacked. Pinned by what a registry says now, fetched by
 * digest. Digests are bare hexadecimal SHA-256, texts live in the arena of whoever made them.
 */
#pragma once
#include "oci/manifest.h"
#include "oci/pull.h"

#define MODEL_TYPE "application/vnd.ollama.image."

struct model_pin {
	struct blob_ref manifest, config;
	struct blob_ref *layers; /* in the manifest's order */
	size_t n_layers;
};

/* Config and layers of a manifest. ERR_VERIFY for what kiln and llama.cpp cannot serve, too. */
int model_manifest_read(const struct document *d, struct arena *arena, struct model_pin *ret, struct err *err);
/* That a config is one of weights that are here. */
int model_config_check(const struct document *d, struct err *err);

/* Members manifest, config and layers, as the lock has them; the caller owns the object. */
json_t *model_pin_json(const struct model_pin *p) __attribute__((returns_nonnull));
/* Read them back; strict. `more` as for pin_read. */
int model_pin_read(
	const json_t *j, const char *const *more, struct arena *arena, struct model_pin *ret, struct err *err);
/* Blob number i: the manifest, the config, the layers; NULL behind the last. */
const struct blob_ref *model_blob(const struct model_pin *p, size_t i);
/* "weights", "config", ...: what a blob is, for people. */
const char *model_part(const struct model_pin *p, size_t i);
/* Bytes of weights, of all kinds. */
uint64_t model_weights(const struct model_pin *p);
/* Bytes that the cache lacks; of *ret_all (may be NULL) in all. */
uint64_t model_missing(const struct cache *c, const struct model_pin *p, uint64_t *ret_all);

/* Ask a registry, or its mirrors. Offline it means what it meant when it was last asked (CACHE/models). */
int model_pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct model_pin *ret, struct err *err);
/* Download what the cache lacks, large blobs side by side. */
int model_pull_fetch(const struct pull *p, const struct reference *ref, const struct model_pin *pin, struct err *err);
