/*
 * A file tree that others made, changed: files put into it, a command run in it, and what that left under some paths as
 * a layer over the tree. The command is as far away from the host as packages' scripts are: its own namespaces, no
 * network, a minimal /dev, the tree and nothing else; it has no way to more rights, and nothing of it outlives the
 * call.
 */
#pragma once
#include "base/err.h"
#include "plan/appliance.h"

struct change_job {
	const char *base;	       /* the tree's directory, made in the namespace */
	const char *dir;	       /* on the same file system; gets upper/ and work/ */
	const struct file_list *files; /* placed first; owners by name are the tree's */
	const char *const *argv;       /* NULL: no command */
	const char *user;	       /* NAME|NUMBER[:GROUP|NUMBER] as containers have it; NULL or "": root */
	const char *cwd;	       /* NULL: / */
	const char *const *env;	 /* "NAME=value"; PATH, HOME and SOURCE_DATE_EPOCH are added where they are missing */
	const char *const *keep; /* absolute paths; what the command did elsewhere is forgotten */
	uint64_t epoch;
	uint64_t limit_ms; /* the command and all that it started are ended then; 0: never */
	const char *log;   /* what the command says is appended here; or NULL */
};
/*
 * Do it. DIR/upper holds the result, as overlayfs keeps it: the files placed, and what changed under `keep`. ERR_TOOL
 * when the command fails, with its last lines; ERR_CONFIG when it left nothing under `keep`.
 */
int change_tree(const struct change_job *job, struct err *err);
/*
 * The result as a layer (OCI image specification) into `fd`. All its times are the epoch. Directories above what was
 * placed or kept are as the tree has them. Same tree, same bytes, whatever the command did with clocks and order.
 */
int change_write(const struct change_job *job, int fd, struct err *err);
