/* One sparse raw disk image from its parts. */
#pragma once
#include "base/err.h"
#include "disk/layout.h"

struct disk_parts { /* host paths */
	const char *esp, *root, *root_verity, *store, *store_verity;
};
/*
 * Plan and write the disk. In `want` the content sizes are taken from the files and may be 0. The layout is given back
 * when `ret` is not NULL. `out` is written whole or not at all.
 */
int disk_assemble(const struct layout_want *want, const struct disk_parts *parts, const char *out, struct layout *ret,
	struct err *err);
