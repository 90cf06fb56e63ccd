/* What `kiln test` and `kiln run` boot: a profile, built first, or an image that is there. */
#pragma once
#include "base/err.h"
#include "fetch/cache.h"
#include "plan/appliance.h"
#include "steps/build.h"
#include <stdint.h>

struct subject {
	struct appliance *a; /* NULL: a bare image */
	struct cache *cache;
	struct build_result built;
	const char *profile; /* its name, or the image's path */
	char *image;
	const char *arch;
	uint64_t memory, disk;
	unsigned cpus, *ports; /* the TCP ports that its containers publish, ended by 0; NULL: not known */
};

/* The profile is read, or the image looked at, and nothing is built. Release with subject_release, also after an error.
 */
int subject_open(struct subject *s, const char *target, struct err *err);
/* A profile is built; an image is there. `trees_only`: no disk image is needed. */
int subject_build(struct subject *s, bool trees_only, struct err *err);
void subject_release(struct subject *s);
