/* Files and directories. Outputs appear whole or not at all: written beside their place, synced, renamed. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "a" + "b" -> "a/b", without doubling the slash. The caller frees it. */
char *path_join(const char *a, const char *b) __attribute__((returns_nonnull));
const char *path_base(const char *path); /* the part after the last slash */
char *path_dir(const char *path);	 /* the part before it, "." when there is none; the caller frees it */
bool path_exists(const char *path);
bool path_is_dir(const char *path);

/* Make a directory and its missing parents, mode 0755 less umask. An existing directory is no error. */
int path_mkdirs(const char *path, struct err *err);
/* Read a whole file (at most `max` bytes, else an error); NUL-terminated, *ret_len without it. The caller frees it. */
char *path_read(const char *path, size_t max, size_t *ret_len, struct err *err);
/* Write a file whole: temporary name in the same directory, fsync, rename. */
int path_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
/* Copy a file whole, as path_write does; holes stay holes. */
int path_copy(const char *from, const char *to, mode_t mode, struct err *err);
bool path_is_executable(const char *path); /* has an x bit for its owner */
/* Remove a file or a whole tree; never follows a link, never leaves the file system; nothing there is no error. */
int path_remove(const char *path, struct err *err);
/* A new directory "<parent>/<prefix>XXXXXX". The caller frees the name and removes the directory. */
char *path_tempdir(const char *parent, const char *prefix, struct err *err);
/*
 * The same for what may grow large: in $TMPDIR, else in /var/tmp. /tmp may be memory (systemd's file-hierarchy(7); so
 * it is on Debian 13), too small for a machine's disk.
 */
char *path_scratch(const char *prefix, struct err *err);
/* fsync of a directory, so that a rename in it survives a power cut. */
int path_sync_dir(const char *dir, struct err *err);
/* Write all of it, through EINTR and short writes. 0, or -1 with errno. */
int fd_write_all(int fd, const void *data, size_t len);
/* Copy `len` bytes at the current positions (UINT64_MAX: to end of file). 0, or -1 with errno. */
int fd_copy(int from, int to, uint64_t len);

/*
 * Open `path` inside the tree `rootfd` as if the tree were "/" (openat2 with RESOLVE_IN_ROOT): links and ".." of
 * hostile content stay inside. Returns a descriptor or -1 with errno.
 */
int path_open_in(int rootfd, const char *path, int flags, mode_t mode);
/* The same, but nothing is followed: ELOOP at any link, EXDEV at "..". */
int path_open_beneath(int rootfd, const char *path, int flags);
/* Make the parents of `path` inside the tree, mode 0755. 0, or -1 with errno. */
int path_mkparents_in(int rootfd, const char *path);
