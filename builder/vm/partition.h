/* Where a partition lies, by the end of its label. Read with libblkid. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct partition_place {
	uint64_t offset, size; /* bytes */
};
/* The first partition of the disk image whose label ends in "_NAME" or is NAME; empty slots (label _empty) never match.
 */
int partition_find(const char *image, const char *name, struct partition_place *ret, struct err *err);
