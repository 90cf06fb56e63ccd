/* Images of registries: pinned by what the registry says now, fetched by digest; mirrors first. */
#pragma once
#include "oci/origin.h"
#include "oci/registry.h"

struct pull {
	struct registry *registry;
	const struct mirrors *mirrors; /* or NULL */
	struct cache *cache;
	const struct platform *platform;
};
/*
 * Ask what a reference means for the platform. A mirror that has no such image, or does not answer, gives way to the
 * next with a warning; what a registry serves against its own digests is an error at once. Texts go to the arena.
 */
int pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct image_pin *ret, struct err *err);
/* Download what the cache lacks of it. */
int pull_fetch(const struct pull *p, const struct reference *ref, const struct image_pin *pin, struct err *err);
