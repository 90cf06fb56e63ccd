/*
 * What is inside a disk image, read through libguestfs: the only place that knows it. The library is loaded when it is
 * needed; a host without it gets an error that says what to install, and everything else of kiln works.
 */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>

struct guest_opts {
	bool tcg; /* no KVM for libguestfs's own small machine */
};
/*
 * Look into a raw or qcow2 image without changing it:
 * {"image", "format", "size", "partitions": [{"number", "label", "type", "uuid", "size", "content"}],
 *  "os": {os-release's keys, lower case} | null, "appliance": {"name", "version", "services": [...]} | null,
 *  "packages": [{"name", "version", "arch"}], "containers": [{"name", "id"}]}
 * The caller owns it. Takes seconds with KVM, about 30 without.
 */
json_t *guest_inspect(const char *image, const struct guest_opts *opts, struct err *err);

/* Pure parts, for tests. */
json_t *guest_parse_os_release(const char *text);
json_t *guest_parse_dpkg_status(const char *text);			   /* the installed ones, in the file's order */
json_t *guest_parse_images(const char *text, size_t len, struct err *err); /* podman's images.json */
/* "raw" or "qcow2" by the file's first bytes; a qcow2 that leans on another file is refused (ERR_VERIFY). */
const char *guest_format(int fd, const char *image, struct err *err);
