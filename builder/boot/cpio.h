/* A newc cpio archive in memory, as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#pragma once
#include "base/str.h"
#include <stdint.h>
#include <sys/stat.h>

struct cpio {
	struct strbuf b;
	uint32_t inode; /* of the last entry */
};
/* One entry; owner root, time 0. `mode` with its type bits; rdev only for devices. Content of at most 4 GiB. */
void cpio_add(struct cpio *c, const char *name, unsigned mode, const void *data, size_t len);
void cpio_add_device(struct cpio *c, const char *name, unsigned mode, unsigned major, unsigned minor);
void cpio_end(struct cpio *c); /* the trailer; padded to 512 */
void cpio_release(struct cpio *c);
#define _cleanup_cpio_ __attribute__((cleanup(cpio_release)))
