/* An image derived from one that somebody else made: that image's layers, config and manifest, and a layer more. */
#pragma once
#include "base/mem.h"
#include "oci/upstream.h"

/* What an image's config says of the programs in it: NULL and an empty list where it is silent. Texts live in `mem`. */
struct image_run {
	const char *user, *workdir;
	const char **env; /* "NAME=value", NULL-terminated */
};
int image_run_read(const struct upstream_image *i, struct arena *mem, struct image_run *ret, struct err *err);

/*
 * `from` with the layer `top` on it, under the name `reference`. The config is from's: user, environment, entry point,
 * ports, labels stay; it was created at `epoch`. The result is an upstream image as well, without an index. Texts live
 * in `mem`, and it borrows from `from` and `top`.
 */
int image_derive(const struct upstream_image *from, const struct upstream_layer *top, const char *reference,
	uint64_t epoch, struct arena *mem, struct upstream_image *ret, struct err *err);
