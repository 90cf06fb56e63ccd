/*
 * squashfs from a tar stream that never touches the disk: the writer runs in the user namespace, sqfstar of the tools
 * tree (4.6.1 or later) reads its pipe. Same stream, same bytes: no clock, no worker count in the result.
 */
#pragma once
#include "base/err.h"
#include "tree/tar.h"
#include "tree/walk.h"

struct squash_opts {
	const char *const *tools; /* layers of the tree that holds sqfstar, nearest first, NULL-terminated */
	const char *out;	  /* the file to make; appears whole or not at all */
	uint64_t epoch;		  /* time of the file system and its root directory */
	bool release;		  /* zstd 9 with 1 MiB blocks instead of zstd 3 */
	unsigned threads;	  /* 0: one per core */
};
struct squash_stat {
	uint64_t stream; /* bytes of the tar stream */
	uint64_t inodes; /* in the file system */
	uint64_t size;	 /* bytes of the result */
};
/* Writes the whole archive, tar_end excepted, into `t`. Runs in a forked child inside the namespace. */
typedef int (*squash_fn)(struct tar_out *t, void *arg, struct err *err);
int squash_build(const struct squash_opts *opts, squash_fn fn, void *arg, struct squash_stat *ret, struct err *err);

/* A path that no directory on the build host can hold, or whose owner or mode must be said: it replaces what the layers
 * have. */
struct squash_extra {
	const char *path; /* absolute or relative to the root */
	char type;	  /* as struct tar_member: '0' '2' '3' '4' '5' '6' */
	uint32_t mode, uid, gid;
	const char *target; /* symbolic link */
	const char *data;   /* content of a file */
	uint32_t major, minor;
};
struct root_spec {
	/* Directories on top, NULL-terminated, or NULL: their files as they are, their directories as the OS has them,
	 * else 0755. */
	const char *const *overlays;
	const char *const *layers; /* the OS tree's directories, top first, NULL-terminated */
	const struct squash_extra *extras;
	size_t n_extras;
};
/* The OS root: the merged view of all layers. An extra of type '5' keeps the directory's content; others replace it. */
int root_squash(const struct squash_opts *opts, const struct root_spec *root, struct squash_stat *ret, struct err *err);
/* The same as a tar stream, without the end blocks. Call it in the namespace. */
int root_write(const struct root_spec *root, struct tar_out *t, uint64_t epoch, struct err *err);
