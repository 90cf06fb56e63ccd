/*
 * What the commands of derived images left (steps/derived.c), as a bundle carries it: a command may leave other bytes
 * each time, so that two machines have the same image only when it ran on one of them. A layer is named by its step,
 * whose key says what it was made from: a machine that asks for the same has the same name for it. Only the tar is
 * carried; its index follows from it.
 */
#pragma once
#include "base/str.h"
#include "fetch/cache.h"
#include "lock/lock.h"
#include "plan/appliance.h"

/* The list of a bundle's layers, its member "derived", has at most so many bytes. */
enum { CARRIED_MAX = 1024 * 1024 };

struct carried_layer {
	char *step;	    /* NAME-KEY: its directory in CACHE/steps */
	char *image;	    /* that has it; NULL in what was read from a bundle */
	bool there;	    /* in the cache, or in the bundle; without it the next two say nothing */
	char hex[HASH_HEX]; /* SHA-256 of layer.tar */
	uint64_t size;
	bool wanted; /* of a bundle: to be put into the cache */
};
struct carried {
	struct carried_layer *v; /* by step */
	size_t n;
};

/* The layers that commands make for the appliance, and which of them are in the cache. */
int carried_find(
	const struct appliance *a, const struct lock *l, struct cache *c, struct carried *ret, struct err *err);
/* The list of those that are there, canonical JSON, or NULL when there is none. The caller frees it. */
char *carried_text(const struct carried *m);
/* Read such a list: ERR_VERIFY unless it is, byte for byte, one that carried_text gives. */
int carried_parse(const char *text, size_t len, struct carried *ret, struct err *err);
/*
 * What a bundle brought, against `mine` of carried_find: what the cache lacks is wanted, what it has must be the same.
 * Images of which nothing was brought are added to `ret_apart`.
 */
int carried_judge(const struct carried *brought, const struct carried *mine, const char *cache_dir,
	struct strvec *ret_apart, struct err *err);
/*
 * Those that are wanted lie in STAGE/STEP/layer.tar, in the cache's file system. Read each as a layer from outside is
 * read, and only then give all of them their places in the cache's steps.
 */
int carried_take(const struct carried *m, const char *stage, struct cache *c, struct err *err);
void carried_release(struct carried *m);
#define _cleanup_carried_ __attribute__((cleanup(carried_release)))
