/*
 * A bundle: all that a lock needs in one file (docs/formats.md, "Bundle"). An uncompressed POSIX tar: `lock`, then
 * sha256/HEX for each blob, sorted, and what commands left in derived images (steps/carried.h): their list `derived`
 * after the lock, steps/STEP/layer.tar at the end. Every byte of it follows from the lock and that list, and a file
 * that differs from that anywhere is refused.
 */
#pragma once
#include "fetch/cache.h"
#include "lock/lock.h"
#include "steps/carried.h"

struct bundle_blob {
	const char *hex; /* borrowed from the lock, or the list of layers */
	uint64_t size;
	char *name;			   /* in the archive: sha256/HEX */
	char *what;			   /* for people: "package adduser 3.152", "image NAME" */
	const struct carried_layer *layer; /* of that list, or NULL */
};
struct bundle_list {
	struct bundle_blob *v; /* by digest, each once; then the layers */
	size_t n;
	uint64_t bytes;
};
/*
 * What a lock needs, besides itself, and the layers that are there; `m` may be NULL. ERR_VERIFY when the lock gives one
 * digest two sizes.
 */
int bundle_list(const struct lock *l, const struct carried *m, struct bundle_list *ret, struct err *err);
void bundle_list_release(struct bundle_list *b);
#define _cleanup_bundle_list_ __attribute__((cleanup(bundle_list_release)))

/* Write `path` whole or not at all, from a cache that has everything; every blob is hashed on its way. */
int bundle_write(
	const struct lock *l, const struct carried *m, const struct cache *c, const char *path, struct err *err);

/* Decides by the lock and the layers, before a blob is read, whether to go on: 0, or -1 with the error. Marks the
 * layers that are wanted. */
struct bundle_judge {
	int (*judge)(void *arg, const struct lock *l, struct carried *m, struct err *err);
	void *arg;
};
/*
 * Read a bundle as a stream and check all of it. With a cache, the blobs and the layers that are wanted get their names
 * there when the last byte of the bundle is found good; of any other bundle nothing is left. `judge` may be NULL: then
 * no layer is wanted. Errors in the file are ERR_VERIFY.
 */
int bundle_read(const char *path, struct cache *c, const struct bundle_judge *judge, struct lock *ret,
	struct carried *ret_layers, struct err *err);
