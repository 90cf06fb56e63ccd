/* The images in the user's directory: the raw disk, and what is made from it. */
#pragma once
#include "lock/lock.h"
#include "plan/appliance.h"
#include "steps/image.h"
#include <jansson.h>

struct output_spec {
	const struct appliance *a;
	const struct lock *l;
	const struct cache *cache;
	const struct image_steps *image;
	const char *version;
	const char *out; /* directory; made when missing */
	bool explain;
};
/*
 * Make the formats the profile asks for: NAME.raw, NAME.qcow2 ... An image that is there, is what these inputs give
 * and was not touched since (size, time, inode) is left alone. [{"format","path","bytes","cached"}]; the caller owns
 * it. Beside them, under the same rule, NAME.spdx.json says what they are made of.
 */
json_t *output_make(const struct output_spec *spec, struct err *err);
