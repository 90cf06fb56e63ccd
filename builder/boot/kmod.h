/* The kernel modules of an OS tree and what they need, from depmod's tables (modules.dep(5), depmod.d(5)). */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include <stdbool.h>

struct kmod {
	const char *name; /* with '_' for '-' */
	const char *path; /* below the modules directory: "kernel/fs/ext4/ext4.ko.xz" */
	const char *deps; /* paths, as modules.dep has them */
	bool needed;
};
struct kmod_soft {
	const char *name, *wants; /* names or aliases, as written */
};
struct kmod_alias {
	const char *pattern, *name;
};
struct kmods {
	struct arena arena;
	VEC(struct kmod) all; /* sorted by name */
	VEC(struct kmod_soft) soft;
	VEC(struct kmod_alias) aliases;
	struct strvec builtin; /* sorted names */
};

/* Parse the texts of modules.dep, modules.softdep, modules.alias and modules.builtin. */
void kmods_parse(struct kmods *k, const char *dep, const char *softdep, const char *alias, const char *builtin);
/*
 * Mark a module and all it needs, soft dependencies included: those are often aliases ("crypto-crc32c"), resolved here
 * because nothing on the machine would. `optional`: a name that this kernel does not have is no error.
 */
int kmods_need(struct kmods *k, const char *name, bool optional, struct err *err);
/* The two tables of /init: "name: dep dep" and "pattern name" lines of the marked modules. */
void kmods_dep_table(struct kmods *k, struct strbuf *out);
void kmods_alias_table(struct kmods *k, struct strbuf *out);
void kmods_release(struct kmods *k);
#define _cleanup_kmods_ __attribute__((cleanup(kmods_release)))
