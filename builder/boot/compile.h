/*
 * Programs for the appliance, compiled from builder/target/ with the compiler and libraries of the tools tree, so that
 * the build host's own compiler has no part in the image.
 */
#pragma once
#include "base/err.h"
#include "tree/tools.h"
#include <stdbool.h>

struct target_program {
	const char *name;	     /* for messages */
	const char *source_dir;	     /* host directory; include path as well */
	const char *const *sources;  /* relative to it, NULL-terminated; NULL: all its *.c, by name */
	const char *const *cflags;   /* further flags, or NULL */
	const char *const *libs;     /* "-ljansson" ..., or NULL */
	bool is_static;
};

/* Compile and link into the file `out` (stripped, no build id of paths, mode 0755). Reproducible. */
int target_compile(const struct tools *t, const struct target_program *p, const char *out, struct err *err);

/*
 * The directory of a target program's sources: "<root>/builder/target/NAME" or "<root>/target/NAME" of the first data
 * root that has it. The caller frees it.
 */
char *target_sources(const char *const *data_roots, const char *name, struct err *err);

/* All that the compiled program depends on besides the tools tree: a hash over the sources' names and contents. */
int target_hash(const char *source_dir, char hex[65], struct err *err);
