/*
 * A stack of directories read as overlayfs would show it, without mounting anything: the top one wins, directories
 * merge, character devices 0:0 and opaque marks hide what is below (kernel documentation: filesystems/overlayfs).
 * Run it inside the user namespace (ns_call), or owners and file capabilities come out differently for root and user.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_kind { NODE_FILE, NODE_DIR, NODE_SYMLINK, NODE_CHAR, NODE_BLOCK, NODE_FIFO, NODE_WHITEOUT };

struct xattr {
	char *name;
	void *value;
	size_t len;
};

/* One path of the view; everything in it is valid during the callback only. */
struct node {
	enum node_kind kind;
	const char *path;  /* relative, without "./" or trailing slash; "" is the root itself */
	uint32_t mode;	   /* permission, setuid, setgid and sticky bits */
	uint32_t uid, gid; /* as seen in the namespace */
	uint64_t mtime;	   /* whole seconds, clamped to 0..epoch */
	uint64_t size;	   /* of a file's content */
	uint32_t major, minor;
	const char *target;   /* of a symbolic link */
	const char *hardlink; /* path of an earlier node that is the same file; its content and attributes count */
	bool opaque;	      /* a directory that hides the one of the parents */
	const struct xattr
		*xattrs; /* sorted by name: security.capability (version 2 form) and user.*; none of overlayfs */
	size_t n_xattrs;
	int fd; /* a file's content, open for reading at its start; -1 for all else */
};

struct walk_opts {
	/* Directories, top first, NULL-terminated. One that does not exist is an error. */
	const char *const *layers;
	/*
	 * How many of them are the tree itself; those after are its parents: they say what is hidden but are not
	 * visited. 0: all are the tree. A whiteout or opaque mark is reported only where the parents have that path.
	 */
	size_t own;
	/*
	 * How many at the top are made by the build, not by overlayfs: they have no marks, all their times are the
	 * epoch, and their directories only lead to their files: one that a layer below has keeps that owner and mode,
	 * else it is 0755, root's.
	 */
	size_t plain;
	/* Those layers' files are the build user's: make them root's, 0755 or 0644 by the owner's x bit. */
	bool normalise;
	uint64_t epoch; /* seconds; later times become this */
};
typedef int (*walk_fn)(const struct node *n, void *arg, struct err *err);

/*
 * Call fn for the root and then for every path: parents before children, names of a directory in byte order.
 * Sockets are left out (no archive can hold them). Errors: a redirect or metacopy mark, a name `.wh.*` (an archive
 * would take it for a whiteout), a capability of another namespace, and fn's own.
 */
int walk_stack(const struct walk_opts *opts, walk_fn fn, void *arg, struct err *err);
