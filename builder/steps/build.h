/*
 * From a lock to images: the stages of docs/architecture.md as steps of one graph. Everything is a function of the
 * appliance, the lock and kiln's own target sources; nothing here touches the network.
 */
#pragma once
#include "base/err.h"
#include "fetch/cache.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include <jansson.h>
#include <stdbool.h>

struct build_opts {
	struct cache *cache;
	const char *out; /* directory for images */
	unsigned jobs;	 /* 0: one per core */
	bool explain;
	bool offline;	 /* a corrupt download cannot be fetched again */
	bool trees_only; /* stop before the disk image: what the nspawn engine boots */
};
/* Where everything is; all strings are the caller's, released by build_result_release. */
struct build_result {
	char *version;		      /* of the image */
	char *root, *store;	      /* squashfs files in the cache */
	char *root_hash, *store_hash; /* verity, 64 hex digits; NULL with trees_only */
	char *kernel;		      /* the OS tree's kernel image, for the probe of KVM */
	char *uki, *tools;	      /* the UKI in the cache, the directory of the tools tree */
	json_t *images;		      /* [{"format","path","bytes","cached"}] */
};
/*
 * What root and store take when an earlier build of these very inputs left them in the cache: looks, and makes nothing.
 * Zeros where it did not.
 */
int build_sizes(
	const struct appliance *a, const struct lock *l, struct cache *cache, struct image_sizes *ret, struct err *err);
int build_run(const struct appliance *a, const struct lock *l, const struct build_opts *opts, struct build_result *ret,
	struct err *err);
void build_result_release(struct build_result *r);
#define _cleanup_build_ __attribute__((cleanup(build_result_release)))
