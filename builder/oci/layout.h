/* Images of this host: OCI image layouts (directories or tars of them) and what `docker save` writes. */
#pragma once
#include "oci/local.h"
#include "oci/origin.h"

/*
 * Pin the image called `name` (the only one when NULL) for a platform. A layout's name is the annotation
 * org.opencontainers.image.ref.name, or the one by which Docker and containerd call it. A docker archive has no
 * manifest: kiln makes one, the same for the same archive. All of what pinning reads is in the cache afterwards.
 */
int layout_pin(const struct local *l, const char *name, const char *what, struct cache *c, const struct platform *p,
	struct arena *arena, struct image_pin *ret, struct err *err);
/* Bring what the cache lacks of a pinned image. */
int layout_fetch(
	const struct local *l, const char *what, struct cache *c, const struct image_pin *pin, struct err *err);
