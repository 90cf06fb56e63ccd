/* Who a container's command runs as: a user of its config ("User") looked up in the tree that is the root directory. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum { IDENTITY_GROUPS = 64 };
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS];
	size_t n_groups;
	char *home;
};
/*
 * "NAME|NUMBER[:GROUP|NUMBER]", as podman reads it: without a group that of /etc/passwd (a number that is not there: 0)
 * and those that list the name in /etc/group. ERR_CONFIG for a name that the tree does not have.
 */
int identity_find(const char *user, struct identity *ret, struct err *err);
/* This process, and what it starts, is that user from now on and can gain no rights. */
int identity_become(const struct identity *i, struct err *err);
void identity_release(struct identity *i);
