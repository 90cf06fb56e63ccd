/* The trees of awkward.h in the scratch directory as image layers, their indexes made. */
#pragma once
#include "awkward.h"
#include "oci/layer.h"
#include "scratch.h"

#define EPOCH 1700000000

static struct layer base, top;
static const char *base_dirs[3], *top_dirs[3];

/* `make` runs in the namespace: awkward_base and awkward_top, and what the test adds. */
static inline int layers_setup(void **state, int (*make)(void *arg, struct err *err))
{
	_cleanup_err_ struct err e = ERR_INIT;

	if (scratch_setup(state) < 0)
		return -1;
	base_dirs[0] = scratch_path("base.upper");
	base_dirs[1] = scratch_path("base.lower");
	top_dirs[0] = scratch_path("top.upper");
	top_dirs[1] = scratch_path("top.lower");
	base = (struct layer){.dirs = base_dirs, .index = scratch_path("base.index")};
	top = (struct layer){.dirs = top_dirs, .parents = base_dirs, .index = scratch_path("top.index")};
	if (ns_call(make, NULL, &e) == 0 && layer_index(&base, EPOCH, &e) == 0 && layer_index(&top, EPOCH, &e) == 0)
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return -1;
}
