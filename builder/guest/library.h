/* libguestfs, loaded at run time: kiln builds and runs without it. Signatures as in guestfs(3), stable since 1.20. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

typedef struct guestfs_h guestfs_h;

struct library {
	void *handle;
	guestfs_h *(*create)(void);
	void (*close)(guestfs_h *);
	const char *(*last_error)(guestfs_h *);
	void (*set_error_handler)(guestfs_h *, void (*)(guestfs_h *, void *, const char *), void *);
	int (*set_backend)(guestfs_h *, const char *);
	int (*set_backend_setting)(guestfs_h *, const char *, const char *);
	int (*add_drive_opts)(guestfs_h *, const char *, ...);
	int (*launch)(guestfs_h *);
	char **(*list_partitions)(guestfs_h *);
	int64_t (*blockdev_getsize64)(guestfs_h *, const char *);
	char *(*vfs_type)(guestfs_h *, const char *);
	char *(*part_to_dev)(guestfs_h *, const char *);
	int (*part_to_partnum)(guestfs_h *, const char *);
	char *(*pread_device)(guestfs_h *, const char *, int, int64_t, size_t *);
	int (*mount_ro)(guestfs_h *, const char *, const char *);
	int (*umount_all)(guestfs_h *);
	int (*is_file)(guestfs_h *, const char *);
	char *(*read_file)(guestfs_h *, const char *, size_t *);
};
/* Options of add_drive_opts (guestfs(3)). */
#define DRIVE_END -1
#define DRIVE_READONLY 0
#define DRIVE_FORMAT 1

/* Load it; ERR_TOOL with what to install when it is not there. */
int library_load(struct library *l, struct err *err);
void library_release(struct library *l);
#define _cleanup_library_ __attribute__((cleanup(library_release)))
