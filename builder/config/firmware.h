/* firmware/NAME.yaml: what a kernel flavour, a family of machines or a kind of GPU needs (docs/formats.md). */
#pragma once
#include "config/service.h"

/* Of a set called gpu-NAME: how kiln-agent finds the GPUs, and what containers get of them. */
struct gpu_def {
	const char *kind;   /* "amd.com/gpu" */
	const char *vendor; /* of PCI: "1002" */
	const char *find;   /* "render" or "nvidia" */
	struct ylist classes, load, nodes;
	struct ymap mounts; /* files of the OS, as a pattern, to a directory of the container */
};
/* Modules that are not the kernel's own, built for it from sources in packages. */
struct build_def {
	struct ylist packages;	      /* sources, headers of the kernel, compiler */
	const struct ynode *source;   /* pattern of a directory that they bring */
	struct ylist patches;	      /* files beside the set */
	const struct ynode *commands; /* lists of a program and its arguments */
	struct ylist modules;	      /* files that these make, below a copy of the source */
	const struct ynode *self;
};
struct firmware_def {
	const char *name, *summary;
	const char *kernel;	 /* the only flavour with which it makes sense, or NULL */
	struct ylist components; /* of Debian: where its packages are */
	struct ylist packages;	 /* for the OS */
	struct ylist modules;	 /* for the initrd */
	struct ymap microcode;	 /* CPU vendor to files of the OS, as a pattern */
	file_defs files;	 /* for the OS */
	const char *cmdline;
	struct gpu_def *gpu;
	struct build_def *build;
	const struct ynode *self;
};
struct firmware_def *firmware_load(struct arena *arena, const char *path, const char *shown, struct err *err);
