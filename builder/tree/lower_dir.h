/* Directories of a lower layer that is being filled, found as the whole tree would have them. Internal to builder/tree.
 */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <sys/stat.h>

struct lower_tree {
	int root;	     /* lower/ */
	VEC(int) parents;    /* layers below, nearest first */
	unsigned depth;	     /* links followed */
	const char *package; /* whose files are being linked, for errors */
};
/* A directory of the tree: its resolved path ("" is the root) and a descriptor in lower/. */
struct lower_dir {
	char *path;
	int fd;
};
void lower_dir_release(struct lower_dir *d);
/* What the layers below have at `path` (resolved, relative). Fills *layer with the descriptor of the layer. */
bool lower_below(const struct lower_tree *t, const char *path, struct stat *st, int *layer);
/* A directory by any path, component by component, from the root; links are followed, inside the tree. */
int lower_dir_open(struct lower_tree *t, const char *path, struct lower_dir *out, struct err *err);
/* The directory `name` in `dir`, made like the one below, or like `like`, where there is none. */
int lower_dir_enter(struct lower_tree *t, const struct lower_dir *dir, const char *name, const struct stat *like,
	struct lower_dir *out, struct err *err);
/* A descriptor of a directory, "" for `at` itself; never through a link. -1 with errno. */
int lower_open_at(int at, const char *path);
