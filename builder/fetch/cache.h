/*
 * The content-addressed cache (docs/formats.md, "Cache"): CACHE/sha256/HEX holds verified downloads, CACHE/partial/HEX
 * downloads cut short, CACHE/tmp/ work in progress. What is under sha256/ was hashed before it got its name.
 *
 *     _cleanup_cache_ struct cache *c = NULL;
 *     cache_open(NULL, NULL, &c, err)                      NULL: $XDG_CACHE_HOME/kiln, else ~/.cache/kiln
 *     cache_has(c, hex, size)                              cheap: name and size
 *     cache_verify(c, hex, size, err)                      reads the bytes: 1 good, 0 missing or dropped, -1 error
 *     cache_blob_path(c, hex)                              where it is, or will be
 *     cache_tmp_dir(c, "tree", err), cache_tmp_file(...)   for work that ends in a rename into the cache
 *
 * Several kilns may share a cache: names are of content, and everything appears by rename.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

/*
 * Open (and make) the cache. `dir` NULL: the default place. The first kiln on a cache removes leftovers in tmp/ by
 * `remove` (NULL: path_remove; steps pass ns_remove, for trees whose owners are sub-ids); what cannot be removed is
 * left for the next time.
 */
int cache_open(const char *dir, int (*remove)(const char *path, struct err *err), struct cache **ret, struct err *err);
/* Whether there is a cache to open, for those who only look. */
bool cache_is_there(const char *dir);
/* Keep all other kilns out until cache_close. An error when one is at work there: they hold the cache while they run.
 */
int cache_alone(struct cache *c, struct err *err);
void cache_close(struct cache *c);
void cache_cleanup(struct cache **c);
#define _cleanup_cache_ __attribute__((cleanup(cache_cleanup)))

const char *cache_dir(const struct cache *c);		       /* absolute */
char *cache_path(const struct cache *c, const char *relative); /* CACHE/relative; the caller frees it */
char *cache_blob_path(const struct cache *c, const char *hex); /* the caller frees it */

/* Is there an entry of this name and size? Looks at the inode only. */
bool cache_has(const struct cache *c, const char *hex, uint64_t size);
/* Hash an entry's bytes. 1: good. 0: not there, or corrupt: then it is dropped with a warning. -1: could not be read.
 */
int cache_verify(const struct cache *c, const char *hex, uint64_t size, struct err *err);
/* Drop an entry that a reader found corrupt, with the warning "cache: WHAT is corrupt ...". */
void cache_drop(const struct cache *c, const char *hex, const char *why);
/* Give a finished, verified file of the same file system its place; synced before the rename. `path` is gone after it.
 */
int cache_adopt(const struct cache *c, const char *path, const char *hex, struct err *err);
/* Hash and copy a file into the cache; its digest in ret_hex (65 bytes). */
int cache_add_file(const struct cache *c, const char *path, char *ret_hex, struct err *err);
/* The same with bytes that are in memory. */
int cache_add_bytes(const struct cache *c, const void *data, size_t len, char *ret_hex, struct err *err);
/*
 * Read a small entry whole, hashed. NULL without an error when it is not there (or corrupt: then it is dropped with a
 * warning). The caller frees it.
 */
char *cache_read(const struct cache *c, const char *hex, uint64_t size, struct err *err);

/* A new directory, or the name of a new empty file, under CACHE/tmp. The caller frees the name and removes the thing.
 */
char *cache_tmp_dir(const struct cache *c, const char *prefix, struct err *err);
char *cache_tmp_file(const struct cache *c, const char *prefix, int *ret_fd, struct err *err);
/*
 * A build uses this entry, if it is there: prune (steps/prune.h) counts from now. It is the entry's own time of
 * modification, which nothing else looks at, set at most once in CACHE_USE_NOTED_S. What cannot be noted is not.
 */
void cache_used(const char *path);
enum { CACHE_USE_NOTED_S = 3600 };
/* What to do about a cache whose disk is full: the hint of `err`. Returns -1. */
int cache_explain_full(struct err *err);
