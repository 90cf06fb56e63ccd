/*
 * Reproducible tar (POSIX.1-2017 pax interchange format): ustar headers, an extended header only where a field does not
 * fit (path or link over 100 bytes or not ASCII, ids over 2097151, sizes of 8 GiB and more, extended attributes).
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "tree/walk.h"

struct tar_member {
	const char *name; /* as in the archive; raw bytes */
	char type; /* '0' file '1' hard link '2' symbolic link '3' character '4' block device '5' directory '6' FIFO */
	uint32_t mode, uid, gid;
	uint64_t size; /* of the content that follows; 0 unless a file */
	uint64_t mtime;
	const char *link; /* target of '1' and '2', else NULL */
	uint32_t major, minor;
	const struct xattr *xattrs;
	size_t n_xattrs;
};

/* Append all header blocks of a member: a multiple of 512 bytes. */
void tar_header(struct strbuf *out, const struct tar_member *m);
/* Bytes of zeros after `size` bytes of content. */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size & 511);
}
#define TAR_END 1024 /* bytes of zeros at the end of an archive */

/* Where an archive goes. `write` takes all of it or fails. */
struct tar_sink {
	int (*write)(struct tar_sink *s, const void *data, size_t n, struct err *err);
	/* NULL, or told that the header of `m` is written and its content follows. */
	int (*member)(struct tar_sink *s, const struct tar_member *m, struct err *err);
};

/* A stream of members. Zero-initialise, set sink. */
struct tar_out {
	struct tar_sink *sink;
	uint64_t bytes;	  /* written so far */
	uint64_t members; /* all */
	uint64_t inodes;  /* members without hard links */
	struct strbuf buf;
};
/* A member with its whole content (`data` may be NULL when m->size is 0). */
int tar_add(struct tar_out *t, const struct tar_member *m, const void *data, struct err *err);
/* A member with m->size bytes of content from `fd`; fewer is an error. */
int tar_add_fd(struct tar_out *t, const struct tar_member *m, int fd, struct err *err);
/* The same in pieces: tar_begin, tar_content for m->size bytes in all, tar_close with the same member. */
int tar_begin(struct tar_out *t, const struct tar_member *m, struct err *err);
int tar_content(struct tar_out *t, const void *data, size_t n, struct err *err);
int tar_close(struct tar_out *t, const struct tar_member *m, struct err *err);
int tar_dir(struct tar_out *t, const char *name, uint32_t mode, uint64_t mtime, struct err *err);
int tar_file(struct tar_out *t, const char *name, uint64_t mtime, const void *data, size_t n,
	struct err *err); /* 0644 0:0 */
/* The end-of-archive blocks. */
int tar_end(struct tar_out *t, struct err *err);
void tar_release(struct tar_out *t);

/* A sink that writes to a descriptor. */
struct tar_fd_sink {
	struct tar_sink sink;
	int fd;
};
void tar_fd_sink_init(struct tar_fd_sink *s, int fd);

/* How a tree's nodes look in an archive. */
enum tar_form {
	TAR_OVERLAY, /* whiteouts as 0:0 devices, opaque marks as overlayfs attributes: what a mount reads */
	TAR_LAYER,   /* whiteouts as ".wh.NAME" files (OCI image layer specification) */
};
/*
 * One node under `prefix` ("" or ending in "/"). The root is left out in both forms: who reads the archive ignores it.
 * In the layer form an opaque directory is followed by its ".wh..wh..opq".
 */
int tar_node(struct tar_out *t, const char *prefix, const struct node *n, enum tar_form form, struct err *err);
