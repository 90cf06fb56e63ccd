/*
 * A user namespace in which the caller is root over 65,536 ids: identity-mapped for root, by newuidmap and
 * /etc/subuid for an ordinary user. One code path for both, so that root and rootless builds see the same trees.
 * Everything that reads or writes a composed tree runs in here (owners and file capabilities differ outside).
 */
#pragma once
#include "base/err.h"
#include "base/proc.h"
#include <stdbool.h>

/* A tree seen as layers: `lowers` nearest first (as overlayfs has it), with an optional writable upper. */
struct ns_view {
	const char *const *lowers; /* NULL-terminated */
	const char *upper, *work;  /* both or neither */
};
struct ns_bind {
	const char *from,
		*to; /* host path; absolute path inside the root, a mount point is made for it (it leaves no trace) */
	bool read_only;
};
struct ns_opts {
	struct ns_view root;	     /* becomes "/" (chroot/pivot); no lowers: the host's own root is kept */
	const struct ns_bind *binds; /* ended by {NULL} */
	const char *cwd;
	const char *const
		*env;	/* NULL: a clean, fixed environment (PATH, LC_ALL=C.UTF-8, SOURCE_DATE_EPOCH when given) */
	bool dev;	/* give it a minimal /dev, /proc, an empty /sys, a fresh /tmp; without `upper`, a fresh /run */
	bool no_sync;	/* fsync, sync and the like do nothing: the caller syncs the result once */
	uint64_t epoch; /* SOURCE_DATE_EPOCH of the default environment; 0: none */
	struct proc_opts proc; /* capture, log, stdin/out, time-out; cwd and env above win */
};

/* Check once that namespaces work here; the error says what is missing and how to add it (uidmap, subuid, AppArmor). */
int ns_check(struct err *err);
/* Run a program inside; no network. Returns as proc_run. */
int ns_run(const struct ns_opts *opts, const char *const *argv, struct err *err);
/*
 * Fork a child of ours into the namespace (host's root kept) and run fn there; its error comes back to the caller.
 * For C code that walks, links or removes trees. fn must not use threads started before.
 */
int ns_call(int (*fn)(void *arg, struct err *err), void *arg, struct err *err);
/*
 * The same with a root of its own, as ns_run has it (`env`, `proc` are not used): fn sees the view as "/", may run many
 * programs there with proc_run, and is process 1: whatever it leaves running ends with it. Descriptors opened before
 * the call stay usable, and stay open: a pipe's far end that fn must not hold is fn's to close. Results go through
 * files or memory that is shared.
 */
int ns_call_in(const struct ns_opts *opts, int (*fn)(void *arg, struct err *err), void *arg, struct err *err);
/* The default environment of ns_run. The list lives in `to`. */
void ns_environment(struct strvec *to, uint64_t epoch);
/* Remove a tree made in the namespace (an ordinary user cannot unlink it from outside). */
int ns_remove(const char *path, struct err *err);
