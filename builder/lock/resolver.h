/* A resolution under way: shared by resolve.c, which asks apt, and answer.c, which makes the lock of it. Internal to
 * lock/. */
#pragma once
#include "lock/aptroot.h"
#include "lock/index.h"
#include "lock/lock.h"
#include "lock/sources.h"

/* One tree's answer: indices of index entries. */
struct choice {
	bool begun, done;
	VEC(const struct index_entry *) v;
};
struct resolver {
	const struct appliance *a;
	struct apt_root root;
	struct sources sources;
	struct index index;
	struct choice *choices; /* one per tree */
	char *status;		/* what the root's status file holds now */
};

/* Fill a lock with what was chosen. */
int resolver_answer(const struct resolver *r, struct lock *l, struct err *err);
