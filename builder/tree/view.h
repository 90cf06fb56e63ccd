/* The file system of a namespace: layers as an overlay, binds, a minimal /dev, and the change of root. */
#pragma once
#include "tree/namespace.h"

/* Called in a new user and mount namespace, by its process 1: build what opts->root asks for and make it "/". */
int view_enter(const struct ns_opts *opts, struct err *err);
/* Make fsync(2), sync(2) and the like succeed without doing anything, for this process and its children. */
int view_no_sync(struct err *err);
