/*
 * Data roots: where overlays, profiles and firmware sets are looked up. The directories above a profile that hold
 * `overlays/`, nearest first, then the installed data directory (environment KILN_DATA, else the one compiled in).
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include <stddef.h>

struct root {
	const char *path;  /* absolute */
	const char *shown; /* the same as people see it: relative to the working directory when below it; "" for that
			      itself */
};
struct roots {
	struct root *v;
	size_t n;
};
struct found { /* a file in a data root */
	const char *path, *shown;
	const char *layer; /* of a service ... */
	const char *also;  /* ... and another one of the same root that has the same name, or NULL */
};

int roots_find(struct arena *arena, const char *profile_path, struct roots *ret, struct err *err);
/* The first root's "DIR/NAME.yaml" that exists. 1 found, 0 not. */
int roots_yaml(const struct roots *r, struct arena *arena, const char *dir, const char *name, struct found *ret);
/* A service's service.yaml: overlays/LAYER/NAME/service.yaml in the first root that has it. 1 found, 0 not. */
int roots_service(const struct roots *r, struct arena *arena, const char *name, struct found *ret);
/* All names: services, or DIR/NAME.yaml without the ending; sorted, NULL-terminated, in the arena. */
const char *const *roots_services(const struct roots *r, struct arena *arena);
const char *const *roots_names(const struct roots *r, struct arena *arena, const char *dir);
/* The layers, bottom first, NULL-terminated. */
extern const char *const layer_names[];
