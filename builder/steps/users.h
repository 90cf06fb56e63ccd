/* User and group names of composed images, looked up in the trees' own passwd and group files. */
#pragma once
#include "plan/appliance.h"
#include "steps/trees.h"
#include <stdint.h>

struct users {
	struct trees *trees;
	struct user_files *cache; /* files read so far */
};
/* A wire_user_fn; `arg` is a struct users. */
int users_find(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid, uint32_t *gid,
	struct err *err);
void users_release(struct users *u);
