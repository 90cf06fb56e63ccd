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

/* `trees_only`: no disk image is needed. Release with subject_release, also after an error. */
int subject_build(struct subject *s, const char *target, bool trees_only, struct err *err);
void subject_release(struct subject *s);
