/*
 * An image pinned to its bytes: the digests of everything it consists of (docs/formats.md, "Lock"). Texts live in the
 * arena of whoever made it; digests are bare hexadecimal SHA-256.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include <jansson.h>
#include <stdint.h>

/* No number in JSON is exact above this (RFC 8259, 6). */
#define BLOB_SIZE_MAX ((UINT64_C(1) << 53) - 1)
/* overlayfs stacks no more. */
#define PIN_LAYERS_MAX 500
/* Indexes, manifests and configs are held in memory: what registries themselves take. */
#define DOCUMENT_MAX (4 << 20)

struct blob_ref {
	const char *digest; /* NULL: there is none */
	uint64_t size;
	const char *type; /* media type, as the thing that names it has it */
};
struct pin_layer {
	struct blob_ref blob;
	const char *diff_id; /* of the uncompressed tar */
};
struct image_pin {
	struct blob_ref index; /* digest NULL: the image was found without one */
	struct blob_ref manifest, config;
	struct pin_layer *layers; /* base first */
	size_t n_layers;
};

/* Its blobs: the index, if any, the manifest, the config, the layers; NULL behind the last. */
const struct blob_ref *pin_blob(const struct image_pin *p, size_t i);

/* "sha256:HEX" to HEX in the arena; ERR_VERIFY "KEY: ..." for anything else. */
const char *pin_digest(struct arena *arena, const char *key, const char *text, struct err *err);

/* One blob as the lock has it: digest, size, type. Read back, at most `max` bytes large. */
json_t *blob_ref_json(const struct blob_ref *b) __attribute__((returns_nonnull));
int blob_ref_read(const json_t *j, uint64_t max, struct arena *arena, struct blob_ref *ret, struct err *err);

/* The members index, manifest, config and layers as the lock has them; the caller owns the object. */
json_t *pin_json(const struct image_pin *p) __attribute__((returns_nonnull));
/* Read them back; strict. `more` names members that are not ours (NULL-terminated), or NULL. */
int pin_read(const json_t *j, const char *const *more, struct arena *arena, struct image_pin *ret, struct err *err);
