/*
 * The steps of composing that happen with the tree as root directory, in its process 1: paths are the tree's. Internal
 * to builder/tree.
 */
#pragma once
#include "tree/package.h"

struct session {
	const struct tree_job *job;
	const struct package_list *l;
	int log; /* descriptor, 0: none */
	/* Host files opened before the root changed, in the order of spec->seed and spec->files; -1 where there is
	 * text. */
	int *seed_fds, *file_fds;
};

/* database.c: dpkg's database for the packages of lower/, in state "unpacked", added to that of the layers below. */
int database_write(const struct session *s, struct err *err);
/* Do all packages of the database have the state "installed"? The error names those that have not. */
int database_check(struct err *err);

/* scripts.c: the packages' scripts. */
int scripts_preinst(const struct session *s, struct err *err);
int scripts_configure(const struct session *s, struct err *err);

/*
 * shortcuts.c: while packages are configured, some programs are covered: those whose result kiln makes itself or takes
 * out again do nothing, and a few scripts run in a form that does the same with fewer processes. Nothing of it stays in
 * the tree.
 */
int shortcuts_begin(struct err *err);
int shortcuts_end(struct err *err);

/* place.c: what the tree's specification adds and takes out. `fds` belong to `list`. */
int place_files(const struct file_list *list, const int *fds, struct err *err);
int place_rest(const struct session *s, struct err *err);

/* cleanup.c: take out what differs between two builds, or identifies a machine. */
int cleanup_tree(uint64_t epoch, struct err *err);
/* No time stamp under `upper` is later than `epoch`. Host path, in the user namespace. */
int cleanup_times(const char *upper, uint64_t epoch, struct err *err);

/* users.c: the number of a user or group ("/etc/passwd" or "/etc/group"), given by name or number. */
int users_id(const char *file, const char *name, unsigned *id, struct err *err);
