/*
 * Files of a layout or an archive on this host, by name. Both are somebody else's: names never lead out of a directory,
 * links in it are not followed, an archive that has a name twice is refused.
 */
#pragma once
#include "fetch/cache.h"
#include <stdbool.h>

struct local;
/* `archive`: a tar, plain or compressed, instead of a directory. */
struct local *local_open(const char *path, bool archive, struct err *err);
void local_close(struct local *l);
void local_cleanup(struct local **l);
#define _cleanup_local_ __attribute__((cleanup(local_cleanup)))

bool local_has(const struct local *l, const char *name);
/* Read a file of at most `max` bytes; NUL-terminated. The caller frees it. */
char *local_read(const struct local *l, const char *name, size_t max, size_t *ret_len, struct err *err);
/*
 * Copy a file into the cache, hashed on the way: ERR_VERIFY when it has another digest or size. `digest` NULL: any, and
 * *ret_size is its size, ret_hex (65 bytes) its digest.
 */
int local_take(const struct local *l, const char *name, const struct cache *c, const char *digest, uint64_t size,
	char *ret_hex, uint64_t *ret_size, struct err *err);
