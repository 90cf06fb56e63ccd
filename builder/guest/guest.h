/*
 * What is inside a disk image, read through libguestfs: the only place that knows it. The library is loaded when it is
 * needed; a host without it gets an error that says what to install, and everything else of kiln works.
 */
#pragma once
#include "base/err.h"
#include <jansson.h>

/*
 * Read-only inspection of an image of any format QEMU knows: {"format", "size", "partitions": [...], "os": {...}, "packages": [...],
 * "containers": [...]}. The caller owns it.
 */
json_t *guest_inspect(const char *image, struct err *err);
