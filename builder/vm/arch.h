/* What QEMU needs to be told per architecture: a table, so that a new one is one line. */
#pragma once
#include "base/err.h"

struct vm_arch {
	const char *name; /* Debian's */
	const char *qemu, *machine;
	const char *code, *vars; /* firmware */
	const char *packages;
};
/* ERR_TOOL when the firmware is not installed, with what to install. */
const struct vm_arch *vm_arch_find(const char *name, struct err *err);
