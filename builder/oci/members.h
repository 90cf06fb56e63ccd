/*
 * What a layer of an image does, path by path: its members as overlayfs is to see them. Made from the members of its
 * tar, in which whiteouts are files (OCI image specification, "layer"). A layer is hostile until it is here: names and
 * links that lead out of it, paths given twice, paths below a link or a file, devices and forged whiteouts are refused.
 * Memory is that of the paths, and bounded.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "oci/idset.h"
#include "tree/tar.h"

#define MEMBERS_MAX 1000000		 /* in one layer */
#define MEMBERS_BYTES_MAX (256ULL << 20) /* of names, targets and attributes of one layer */

struct member {
	const char *path; /* relative, normalised */
	char type;	  /* as struct tar_member */
	bool implicit;	  /* a directory that the tar has no member for: its attributes are those of the layers below */
	bool opaque;	  /* a directory that hides the content of the one below */
	bool replaced;	  /* by a whiteout beside it: the directory itself is another one, too */
	uint32_t mode, uid, gid, major, minor;
	uint64_t mtime, size;
	const char *link; /* symbolic: the text; hard: path of the member with the content, itself no hard link */
	const struct xattr *xattrs;
	size_t n_xattrs;
};
struct members {
	VEC(struct member) v;	     /* by path, in byte order */
	VEC(const char *) whiteouts; /* paths hidden and not replaced, in byte order */
	VEC(const char *) stream;    /* of the tar's members in order: the path, NULL when it is no member here */
	bool root_opaque;	     /* everything below is hidden */
	id_set uids, gids;	     /* of all members of the tar, whiteouts aside, sorted */
	/* inside */
	VEC(const char *) marks; /* directories with an opaque mark */
	struct arena arena;
	uint64_t bytes;
};
/* Members in the tar's order, then the end. After an error only members_release is left. */
int members_add(struct members *s, const struct tar_member *m, struct err *err);
int members_end(struct members *s, struct err *err);
/* NULL when the layer has no such path. */
const struct member *members_find(const struct members *s, const char *path);
/*
 * The layer's blob is read again: its next tar member must be the one that `s` was made of. `*next` begins at 0. *ret
 * is the file whose content follows, or NULL where none does. ERR_VERIFY when it is another, as members_changed says.
 */
int members_next(
	const struct members *s, size_t *next, const struct tar_member *t, const struct member **ret, struct err *err);
int members_changed(struct err *err);
bool members_hides(const struct members *s, const char *path); /* has a whiteout of exactly that path */
void members_release(struct members *s);
