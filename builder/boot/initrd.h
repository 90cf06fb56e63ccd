/*
 * The initrd: kiln's static /init, the kernel modules it may need with all they depend on, and two tables for it
 * (docs/boot.md). A newc cpio archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), zstd; the
 * microcode of processors in front of it.
 */
#pragma once
#include "base/err.h"
#include "boot/cpio.h"
#include "plan/appliance.h"
#include "tree/tools.h"

/* The kernel of an OS tree. */
struct kernel {
	char *version; /* "6.12.48+deb13-cloud-amd64" */
	char *image;   /* host path of its vmlinuz */
};
/* The version of the one kernel whose modules or headers lie in a tree, called `what` in errors. The caller frees it.
 */
int kernel_version(const char *const *lowers, const char *what, char **ret, struct err *err);
/* Find the one kernel of the tree; none or several is an error. */
int kernel_find(const char *const *os_lowers, struct kernel *ret, struct err *err);
void kernel_release(struct kernel *k);
#define _cleanup_kernel_ __attribute__((cleanup(kernel_release)))

struct initrd_spec {
	const char *const *os_lowers;	 /* the OS tree's layers, nearest first (with depmod's tables) */
	const char *kernel;		 /* kernel version */
	const char *init;		 /* host path of the compiled /init */
	const struct kv_list *microcode; /* as for microcode_archive. May be NULL */
	const struct str_list *modules;	 /* names; a trailing '?' means: where this kernel has it. May be NULL */
	unsigned level;			 /* zstd level; 0: 19 */
};
/* Write the initrd to `out`. A module that neither exists nor is built in is an error that names the nearest. */
int initrd_build(const struct tools *t, const struct initrd_spec *spec, const char *out, struct err *err);
/* The file "initrd" of the directory becomes "whole": the other archive, then it. Nothing may be called so already. */
int initrd_put_before(const struct cpio *early, const char *dir, struct err *err);
