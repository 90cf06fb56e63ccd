/*
 * A bundle: all that a lock needs in one file (docs/formats.md, "Bundle"). An uncompressed POSIX tar: `lock`, then
 * sha256/HEX for each blob, sorted. Every byte of it follows from the lock, and a file that differs from that anywhere
 * is refused.
 */
#pragma once
#include "fetch/cache.h"
#include "lock/lock.h"

struct bundle_blob {
	const char *hex; /* borrowed from the lock */
	uint64_t size;
	char *name; /* in the archive: sha256/HEX */
	char *what; /* for people: "package adduser 3.152", "image NAME" */
};
struct bundle_list {
	struct bundle_blob *v; /* by digest, each once */
	size_t n;
	uint64_t bytes;
};
/* What a lock needs, besides itself. ERR_VERIFY when the lock gives one digest two sizes. */
int bundle_list(const struct lock *l, struct bundle_list *ret, struct err *err);
void bundle_list_release(struct bundle_list *b);
#define _cleanup_bundle_list_ __attribute__((cleanup(bundle_list_release)))

/* Write `path` whole or not at all, from a cache that has everything; every blob is hashed on its way. */
int bundle_write(const struct lock *l, const struct cache *c, const char *path, struct err *err);

/* Decides by the lock, before a blob is read, whether to go on: 0, or -1 with the error. */
struct bundle_judge {
	int (*judge)(void *arg, const struct lock *l, struct err *err);
	void *arg;
};
/*
 * Read a bundle as a stream and check all of it. With a cache, the blobs get their names there when the last byte of
 * the bundle is found good; of any other bundle nothing is left. `judge` may be NULL. Errors in the file are
 * ERR_VERIFY.
 */
int bundle_read(
	const char *path, const struct cache *c, const struct bundle_judge *judge, struct lock *ret, struct err *err);
