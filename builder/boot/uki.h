/* The unified kernel image (UAPI.5): systemd's stub with kernel, initrd, command line and os-release in one EFI
 * program. */
#pragma once
#include "base/err.h"
#include "tree/tools.h"

struct uki_spec {
	const char *arch;    /* Debian's name: amd64, arm64 */
	const char *kernel;  /* host path of vmlinuz */
	const char *version; /* kernel version */
	const char *initrd;  /* host path */
	const char *cmdline;
	const char *os_release; /* host path */
};
/* Unsigned. `out` is written whole or not at all. */
int uki_build(const struct tools *t, const struct uki_spec *spec, const char *out, struct err *err);

/*
 * The command line that /init and systemd need, `extra` (may be NULL) at its end:
 * kiln.root= and kiln.store= (root hashes, 64 hex digits), kiln.epoch= (seconds; the clock never starts before).
 * The caller frees it.
 */
char *uki_cmdline(const char *root_hash, const char *store_hash, uint64_t epoch, const char *extra);
