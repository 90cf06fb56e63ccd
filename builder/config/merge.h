/* One mapping of YAML put over another. */
#pragma once
#include "config/yaml.h"

/*
 * `above` over `below`, both mappings: mappings by key, lists under a key of `joined` (NULL-terminated, or NULL) one
 * after the other with each text once, everything else as `above` says. Nodes keep their places.
 */
const struct ynode *ynode_merge(
	struct arena *arena, const struct ynode *below, const struct ynode *above, const char *const *joined);
