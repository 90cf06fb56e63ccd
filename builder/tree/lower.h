/* The lower layer of a composed tree: the packages' files as hard links into the cache. Internal to builder/tree. */
#pragma once
#include "tree/package.h"

/*
 * Fill OUTDIR/lower, in the user namespace. As dpkg does it: directories that are there keep their owner and mode, a
 * link to a directory is followed, files that a package replaces are the replacing one's, diversions of the layers
 * below hold.
 */
int lower_build(const struct tree_job *job, struct package_list *l, struct err *err);
/* info.c: the packages' control members and lists of files, into the open directory of dpkg's info/. */
int info_link(const struct package_list *l, int info, uint64_t epoch, struct err *err);
