/*
 * Layers of an image that somebody else made, unpacked one over the other into a directory: the tree that a container
 * of it would see. Owners and capabilities are those of kiln's user namespace, so call it in there.
 */
#pragma once
#include "oci/upstream.h"

/*
 * `dir` exists and holds what the layers below made. The layer has its index (upstream_index): what is unpacked is what
 * was checked there, and nothing is written outside of `dir` whatever links the layers below have. Devices are left
 * out: where a command runs there are those that it may have. ERR_VERIFY for an owner beyond the namespace's 65,536. A
 * directory that no layer says has the time `epoch`. On an error what is in `dir` is worthless.
 */
int upstream_unpack(const struct upstream_layer *l, const char *dir, uint64_t epoch, struct err *err);
