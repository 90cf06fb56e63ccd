/*
 * An image that somebody else made (registry, OCI layout, archive), as blobs that are all here. Whatever brings images
 * fills these structs; the store reads them. Nothing in them is believed: digests, sizes and what manifest and config
 * say of the layers are checked before a byte counts. All digests are SHA-256, bare hexadecimal; strings are borrowed.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include <stddef.h>
#include <stdint.h>

struct upstream_layer {
	const char *path;	/* the blob, as it was transferred */
	const char *digest;	/* of the blob */
	uint64_t size;		/* of the blob, as the manifest has it */
	const char *media_type; /* as the manifest has it; compression is told by the content */
	const char *diff_id;	/* of the uncompressed tar, as the config has it */
	uint64_t diff_size;	/* of the uncompressed tar when the lock knows it, else 0: then 200 times `size` is the
				   limit */
	const char *index;	/* directory of layer.json and tar-split.gz (upstream_index) */
};

struct upstream_blob {
	const char *digest;
	const char *data; /* byte for byte as transferred */
	size_t len;
};

struct upstream_image {
	const char *arch;	       /* it is for; Debian's name */
	const char *reference;	       /* whole: HOST/NAME:TAG, HOST/NAME@sha256:HEX or HOST/NAME:TAG@sha256:HEX */
	struct upstream_blob index;    /* the multi-architecture index it was found by; .data NULL: there was none */
	struct upstream_blob manifest; /* of the platform */
	struct upstream_blob config;
	const struct upstream_layer *layers; /* base first, as many as manifest and config have */
	size_t n_layers;
};

/*
 * Read one layer's blob once, from start to end, and write `index`: what the store needs besides the blob. Depends on
 * the blob alone, so it can be kept as long as that; layers may be indexed at the same time. On any error (digest,
 * size, diff id, hostile archive) nothing is left.
 */
int upstream_index(const struct upstream_layer *l, struct err *err);
/* Manifest, config, layers and reference agree with one another, with their digests and with what podman can read. */
int upstream_check(const struct upstream_image *i, struct err *err);
