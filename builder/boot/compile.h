/*
 * Programs for the appliance, compiled with the compiler and libraries of the tools tree, so that the build host's own
 * compiler has no part in the image.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include "tree/tools.h"
#include <stdbool.h>

/*
 * Sources lie below one directory that holds base/ (shared with kiln itself) and target/NAME/ (the program's own).
 * Include paths are that directory and target/NAME.
 */
struct target_program {
	const char *name;	/* "init", "agent": all of target/NAME/ *.c is compiled */
	const char *source_dir; /* host directory, from target_sources() */
	const char *const
		*shared; /* further sources, relative to source_dir ("base/str.c"), NULL-terminated, or NULL */
	const char *const *cflags; /* further flags, or NULL */
	const char *const *libs;   /* "-ljansson" ..., or NULL */
	bool is_static;
};
extern const struct target_program target_init;	 /* /init of the initrd; source_dir is for the caller to fill in */
extern const struct target_program target_agent; /* kiln-agent; needs headers of libcurl, OpenSSL, jansson, libcrypt */

/*
 * The directory with the sources: "<root>/builder" or "<root>" of the first data root that has target/. The caller
 * frees it.
 */
char *target_sources(const char *const *data_roots, struct err *err);
/* All that the program depends on besides the tools tree: names and contents of sources and headers, and the flags. */
int target_hash(const struct target_program *p, char hex[HASH_HEX], struct err *err);
/* Compile and link into the file `out` (stripped, mode 0755). Same tools, same sources: same bytes. */
int target_compile(const struct tools *t, const struct target_program *p, const char *out, struct err *err);
