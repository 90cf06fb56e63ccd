/*
 * Mirrors of registries (docs/formats.md, "Profile"): where else to look for images whose names begin so.
 *
 *     docker.io/library -> registry.example:5000/hub         docker.io/library/postgres is asked for there as
 * hub/postgres
 */
#pragma once
#include "base/vec.h"
#include "config/reference.h"
#include <stdbool.h>

struct mirror_place {
	const char *registry; /* with port */
	const char *path;     /* "" or a path */
	bool plain;	      /* http:, which is for loopback addresses only */
};
struct mirror {
	const char *prefix; /* REGISTRY[/PATH] */
	struct mirror_place place;
};
/* In the order in which they are tried. */
struct mirrors {
	VEC(struct mirror) all;
};
/* Add "[http://]REGISTRY[/PATH]" for a prefix; the texts live in the arena. */
int mirrors_add(struct mirrors *m, struct arena *arena, const char *prefix, const char *place, struct err *err);
void mirrors_release(struct mirrors *m);

/*
 * All places where an image may be, in the order to try: those of the longest prefix that fits, then the registry
 * itself. The caller releases *ret.
 */
struct mirror_places {
	VEC(struct mirror_place) all; /* path: the whole one */
};
void mirrors_of(const struct mirrors *m, struct arena *arena, const struct reference *r, struct mirror_places *ret);
