/*
 * Kernel modules from sources in packages: compiled in the tree of these packages, which stands on the tools; then
 * signed, and found by depmod, over an OS tree. Same trees, same key: same bytes.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "plan/appliance.h"
#include <stdint.h>

struct modbuild {
	const struct module_build *spec;
	const char *const *lowers; /* the tree "build/SET", nearest first, NULL-terminated */
	uint64_t epoch;
	unsigned jobs;	 /* processors for "${jobs}" */
	const char *log; /* what the programs said is appended here */
};
/* Where signed modules lie in a tree, by the kernel's version. */
#define MODULES_DIR "usr/lib/modules/%s/updates"
/* And the certificate of the key that signed them, DER. */
#define MODULES_CERTIFICATE "usr/lib/kiln/modules.der"

/*
 * Patch and compile, without a network; the modules, without symbols to debug and not signed, and the file "kernel",
 * the version they are for, are put into `dir`. A module of another kernel is an error.
 */
int modbuild_make(const struct modbuild *b, const char *dir, struct err *err);
/*
 * Copy these modules from the directory `from` and sign them with the PEM file `key`; afterwards their signatures are
 * held against the file `certificate` (DER).
 */
int modbuild_sign(const struct modbuild *b, const char *from, const char *key, const char *certificate, const char *dir,
	struct err *err);
/* depmod's tables of a kernel in an OS tree and of the modules in `tree`, into `tree`; `work` is an empty directory. */
int modbuild_depmod(const char *const *os_lowers, const char *kernel, uint64_t epoch, const char *tree,
	const char *work, struct err *err);
