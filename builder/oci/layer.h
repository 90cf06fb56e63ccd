/*
 * A composed tree as a layer of a container image: a tar of what it adds to, changes in and takes from the trees
 * below it (OCI image specification, "layer"). The tar itself is never stored: its digest, its sizes and its
 * tar-split (with which podman can rebuild it byte by byte) are, in an index directory made once per tree.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include "tree/walk.h"

struct layer {
	const char *const *dirs; /* the tree's own directories, top first, NULL-terminated: {upper, lower, NULL} */
	const char *const
		*parents;  /* those of all trees below it, nearest first, NULL-terminated; NULL for a base layer */
	const char *index; /* directory of layer.json and tar-split.gz */
};
/*
 * Read the tree once, in the namespace, and write `index` (made when missing). `epoch` clamps the times. What depends
 * on nothing but the trees and the epoch can be kept as long as they are.
 */
int layer_index(const struct layer *l, uint64_t epoch, struct err *err);

struct layer_info {
	char diff_id[HASH_HEX]; /* SHA-256 of the tar */
	uint64_t size;		/* of the tar */
	uint64_t epoch;
	uint32_t *uids, *gids; /* every owner, sorted; whiteouts aside */
	size_t n_uids, n_gids;
};
/* layer.json to an open file. */
int layer_info_write(int fd, const struct layer_info *i, struct err *err);
int layer_info_read(const char *index, struct layer_info *ret, struct err *err);
void layer_info_release(struct layer_info *i);

/* The layers as a list for walk_stack: own directories, then the parents'. The caller frees the array only. */
const char **layer_stack(const struct layer *l, size_t *ret_own);
