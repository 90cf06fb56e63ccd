/* What references meant when they were last asked for: CACHE/images (docs/formats.md, "Cache"). */
#pragma once
#include "base/vec.h"
#include "fetch/cache.h"
#include "oci/pin.h"

struct record {
	const char *name, *arch; /* canonical reference; Debian's name of the architecture */
	struct image_pin pin;
};
int record_write(struct cache *c, const char *name, const char *arch, const struct image_pin *pin, struct err *err);
/* 1: *ret is it, 0: never asked, -1: it cannot be read. */
int record_read(struct cache *c, const char *name, const char *arch, struct arena *arena, struct image_pin *ret,
	struct err *err);
/* All of them, by name and architecture. The caller releases the vector. */
struct records {
	VEC(struct record) all;
};
int record_list(struct cache *c, struct arena *arena, struct records *ret, struct err *err);
