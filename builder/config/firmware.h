/* firmware/NAME.yaml: what a family of machines (or a kernel flavour) needs. */
#pragma once
#include "config/bind.h"

struct firmware_def {
	const char *name, *summary;
	struct ylist packages; /* for the OS */
	struct ylist modules;  /* for the initrd */
	const char *cmdline;
	const struct ynode *self;
};
struct firmware_def *firmware_load(struct arena *arena, const char *path, const char *shown, struct err *err);
