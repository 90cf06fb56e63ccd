/* Inside of tree/tarread: what extended headers say of the member that follows them. */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "tree/tar.h"

struct tar_extra {
	char *path, *link; /* NULL: the header's own hold */
	bool has_uid, has_gid, has_size, has_mtime;
	uint64_t uid, gid, size, mtime;
	VEC(struct xattr) xattrs; /* sorted by name; only what is kept */
};
/* The records of a pax header ("LENGTH KEY=VALUE\n"). `text` need not end in NUL. */
int tar_extra_pax(struct tar_extra *x, const char *text, size_t n, struct err *err);
/* Content of a GNU header of type L (`link` false) or K: up to the first NUL. */
void tar_extra_gnu(struct tar_extra *x, const char *text, size_t n, bool link);
void tar_extra_release(struct tar_extra *x);
