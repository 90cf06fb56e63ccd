/*
 * Microcode of processors, for the kernel to load before anything else: an archive of its own, not compressed, in front
 * of the initrd (Linux, Documentation/arch/x86/microcode.rst).
 */
#pragma once
#include "base/err.h"
#include "boot/cpio.h"
#include "plan/appliance.h"

/*
 * Fill the archive from the OS tree (layers, nearest first): per vendor the files that match its pattern, whose last
 * name may have '*', joined in the order of their names. Nothing is added when `wanted` is empty; a pattern without
 * any file is an error.
 */
int microcode_archive(struct cpio *c, const char *const *os_lowers, const struct kv_list *wanted, struct err *err);
