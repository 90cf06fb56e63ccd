/*
 * Programs of the locked tools tree (mksquashfs, veritysetup, ukify, mcopy, gcc ...), run in the namespace with that
 * tree as root: the same lock gives the same bytes on any build host. Nothing of the host is visible but what is bound.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "tree/namespace.h"
#include <stdint.h>

struct tools {
	const char *const *lowers; /* the tools tree's layers, nearest first, NULL-terminated */
	uint64_t epoch;		   /* SOURCE_DATE_EPOCH for all of them */
};

/* Where tools_run shows the caller's working directory; paths in argv are relative to it. */
#define TOOLS_WORK "/mnt"

/*
 * Run a tool with the host directory `dir` as its working directory (writable). `capture`, when not NULL, gets its
 * standard output. Returns as proc_run.
 */
int tools_run(const struct tools *t, const char *dir, const char *const *argv, struct strbuf *capture, struct err *err);
/* The same with further host paths (ended by {NULL}) shown inside. */
int tools_run_with(const struct tools *t, const char *dir, const struct ns_bind *binds, const char *const *argv,
	struct strbuf *capture, struct err *err);

/*
 * A new directory beside the file `out`, for tools_run and its output; then the output becomes `out`: synced, renamed.
 * Remove the directory with the cleanup attribute. The caller frees the name.
 */
char *tools_workdir(const char *out, struct err *err);
int tools_publish(const char *dir, const char *name, const char *out, struct err *err);
void tools_workdir_remove(char **dir);
#define _cleanup_workdir_ __attribute__((cleanup(tools_workdir_remove)))

/*
 * The host path of a regular file of a layered tree: from the nearest layer that has it; links are followed inside each
 * layer only. `path` has no leading slash. The caller frees it; NULL when no layer has it (err says which file of
 * what).
 */
char *tree_file(const char *const *lowers, const char *path, struct err *err);
/*
 * Names in a directory of a layered tree that match a pattern (fnmatch(3); a dot at the begin must be said), in
 * `names`, sorted, each once. A directory that no layer has is empty.
 */
int tree_names(const char *const *lowers, const char *dir, const char *pattern, struct strvec *names, struct err *err);
