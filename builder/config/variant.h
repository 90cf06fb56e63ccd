/* Variants of a service: other images for the same containers (docs/formats.md, "Variants"). */
#pragma once
#include "config/yaml.h"

#define VARIANT_NONE                                                                                                   \
	"none" /* in a profile: the service as its own file has it, whatever is extended; no variant's name */

/*
 * The service `root`, read from `path`, as its variant `name` (a scalar of the profile) has it: NAME.yaml beside it,
 * put over it. NULL with the error: no such variant, or one that changes more than containers.
 */
const struct ynode *variant_of(
	struct arena *arena, const struct ynode *root, const char *path, const struct ynode *name, struct err *err);
