/* An image as one file to carry: a tar of an OCI image layout, which podman, skopeo and docker load. */
#pragma once
#include "fetch/cache.h"
#include "oci/pin.h"
#include "tree/tar.h"

/*
 * Write `path` whole or not at all, from the cache; every blob is hashed on its way. `name` is what the image is called
 * in it, or NULL. The same image gives the same bytes. With an index that is in it, too, though it names images of
 * other architectures that are not.
 */
int image_export(
	const struct cache *c, const char *name, const struct image_pin *pin, const char *path, struct err *err);

/* The parts of it. Write `path` whole or not at all: `fill` adds the members and the end. */
int archive_write(
	const char *path, int (*fill)(struct tar_out *t, void *arg, struct err *err), void *arg, struct err *err);
/* Add a member that is an entry of the cache, hashed first. ERR_VERIFY when it is not there, or corrupt. */
int archive_blob(
	struct tar_out *t, const struct cache *c, const char *name, const char *hex, uint64_t size, struct err *err);
