/*
 * A tar archive of an unknown maker, read as a stream: ustar, pax (POSIX.1-2017), GNU long names, old V7. It is read as
 * podman reads it (Go's archive/tar), so that both see the same members; what can be read in two ways, or has no place
 * in a container's layer (sparse files, volumes, contiguous files), is refused. Memory is bounded.
 */
#pragma once
#include "base/err.h"
#include "tree/tar.h"

#define TAR_RECORD_MAX (1U << 20) /* bytes of an extended header or a long name */
#define TAR_RAW_MAX (4U << 20)	  /* bytes of all headers that belong to one member */
#define TAR_TAIL_MAX (1U << 20)	  /* bytes of zeros after the end */

/* What the archive consists of, in order. Every byte of it goes to `raw` or to `content`. */
struct tar_events {
	/* Headers, padding, the end; may be NULL. */
	int (*raw)(void *arg, const void *data, size_t n, struct err *err);
	/*
	 * All headers of `m` have been passed to `raw`; m->size bytes of content follow. Valid during the call. Times
	 * are whole seconds within 0..2^32-1; of attributes there are security.capability and user.* (but not
	 * overlayfs's own), of files and directories only. A file of V7 whose name ends in a slash is a directory.
	 */
	int (*member)(void *arg, const struct tar_member *m, struct err *err);
	int (*content)(void *arg, const void *data, size_t n, struct err *err);
};

struct tar_reader;
struct tar_reader *tar_reader_new(const struct tar_events *events, void *arg) __attribute__((returns_nonnull));
/* The next bytes of the archive. Errors: what is malformed, with the member's name; or what an event returned. */
int tar_reader_feed(struct tar_reader *r, const void *data, size_t n, struct err *err);
/* The content of the member just reported is not here: go on after it. */
void tar_reader_skip(struct tar_reader *r);
/* No more bytes: an error when the archive is not whole. The two blocks of zeros at the end may be missing. */
int tar_reader_end(struct tar_reader *r, struct err *err);
void tar_reader_free(struct tar_reader *r);

/* err_set: `member "NAME": why`, the name made fit for a terminal and no longer than 200 bytes. Returns -1. */
int tar_refuse(struct err *err, const char *name, const char *why, ...) __attribute__((format(printf, 3, 4)));
