/* Extended attributes of files in a composed tree: those that belong in an archive, and overlayfs's own marks. */
#pragma once
#include "base/err.h"
#include "tree/walk.h"

struct attrs {
	struct xattr *v; /* sorted by name */
	size_t n, cap;
};
/* security.capability (in its version 2 form) and user.* without user.overlay.*; all others stay behind. */
int attrs_read(int fd, struct attrs *ret, struct err *err);
void attrs_release(struct attrs *a);

enum overlay_mark { OVERLAY_NONE, OVERLAY_OPAQUE };
/* Of a directory, in either name space. A redirect is an error: nothing here follows it. */
int attrs_overlay_mark(int fd, enum overlay_mark *ret, struct err *err);
