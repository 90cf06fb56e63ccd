/*
 * Errors are values: a kind (which is also the exit code), an optional errno, and one line of text that
 * grows context on its way up. Nothing below builder/cmd prints; main.c prints the error once.
 *
 * Functions that can fail return 0 or -1 (or NULL) and take `struct err *` last. On failure `err` is filled;
 * on success it is untouched. Passing NULL is not allowed.
 */
#pragma once
#include <stdarg.h>

enum err_kind {
	ERR_NONE = 0,
	ERR_USAGE = 1,	 /* wrong command line */
	ERR_CONFIG = 2,	 /* profile, overlay, scenario: something the user wrote */
	ERR_RESOLVE = 3, /* no package, image or claim answers the request */
	ERR_NETWORK = 4, /* a mirror or registry could not be reached or refused */
	ERR_VERIFY = 5,	 /* a digest, signature or format does not hold */
	ERR_IO = 6,	 /* files, disks, memory of this host */
	ERR_TOOL = 7,	 /* a program kiln runs failed or is missing */
	ERR_TEST = 8,	 /* an appliance was tested and failed */
};

struct err {
	enum err_kind kind;
	int sys;    /* errno, or 0 */
	char *msg;  /* "outer context: inner context: what went wrong" */
	char *hint; /* what to do about it, or NULL */
};

#define ERR_INIT ((struct err){0})

/* Set the error; an earlier one in `e` is released. Always returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with errno: kind ERR_IO, and ": <strerror>" appended. */
int err_sys(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Put "context: " in front of the message. Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Say what to do. Replaces an earlier hint. Always returns -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Move `from` into `to`, leaving `from` empty. */
void err_move(struct err *to, struct err *from);
void err_release(struct err *e);
/* The kind's name for --json: "config", "network", ... */
const char *err_kind_name(enum err_kind kind);

#define _cleanup_err_ __attribute__((cleanup(err_release)))
