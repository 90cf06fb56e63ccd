/*
 * What `docker save` and `podman save` write by default: manifest.json names configs and plain layer tars. There is no
 * manifest with digests; kiln makes one in Docker's schema 2.
 */
#pragma once
#include "oci/local.h"
#include "oci/manifest.h"

/* `name`: one of the RepoTags, or NULL. Config, layers and the manifest are in the cache afterwards. */
int dockertar_pin(const struct local *l, const char *name, struct cache *c, const struct platform *p,
	struct arena *arena, struct image_pin *ret, struct err *err);
/* Bring what the cache lacks of a pinned image. */
int dockertar_fetch(const struct local *l, struct cache *c, const struct image_pin *pin, struct err *err);
