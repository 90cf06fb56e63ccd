/* The 65,536 ids of kiln's user namespaces: identity for root; caller and subordinate ids (subuid(5)) for others. */
#pragma once
#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

/* A range of at least `want` ids of `user` (name or number `id`) in a file of subuid(5)'s form, or an error with a hint
 * how to add one. */
int idmap_subids(const char *file, const char *user, uid_t id, uint64_t want, uint64_t *start, struct err *err);
/* Write both maps of a process that is in a new user namespace. Called from outside of it. */
int idmap_write(pid_t pid, struct err *err);
/* Turn EPERM or ENOSPC of unshare or mount in a user namespace into what to change on this host. */
void idmap_explain(struct err *err);
