/* An image as one file to carry: a tar of an OCI image layout, which podman, skopeo and docker load. */
#pragma once
#include "fetch/cache.h"
#include "oci/pin.h"

/*
 * Write `path` whole or not at all, from the cache; every blob is hashed on its way. `name` is what the image is called
 * in it, or NULL. The same image gives the same bytes. With an index that is in it, too, though it names images of
 * other architectures that are not.
 */
int image_export(
	const struct cache *c, const char *name, const struct image_pin *pin, const char *path, struct err *err);
