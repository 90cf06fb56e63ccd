/* Output formats: each makes one file from the raw disk image. A new one is one file and one line in format.c. */
#pragma once
#include "base/err.h"
#include "tree/tools.h"

struct format {
	const char *name;   /* as in a profile's `outputs` */
	const char *suffix; /* ".raw" */
	const char *summary;
	/*
	 * Write `out` from `raw`, whole or not at all. A format whose size costs nothing has a disk of at least `disk`
	 * bytes, so that /var has its space.
	 */
	int (*make)(const struct tools *t, const char *raw, uint64_t disk, const char *out, struct err *err);
};
extern const struct format *const formats[]; /* NULL-terminated */
/* By name; unknown: an error (ERR_CONFIG) that lists them. */
const struct format *format_find(const char *name, struct err *err);

extern const struct format format_raw, format_qcow2;
