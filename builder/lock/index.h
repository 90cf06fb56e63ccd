/*
 * The package index of a private apt root: apt's verified Packages files, read as they are. Each entry keeps its whole
 * paragraph, for the status file that says what a parent tree has. Text is borrowed from the files, as slices. Internal
 * to lock/.
 */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include "lock/aptroot.h"
#include "lock/sources.h"
#include <stdbool.h>
#include <stdint.h>

struct slice {
	const char *s;
	size_t n;
};
struct index_entry {
	struct slice paragraph, name, version, arch, path, sha256, size, installed;
	bool essential;
	unsigned source; /* index into sources.all */
};
struct index_file {
	char *text;
	size_t len;
	char *release; /* path of the signed Release file it belongs to */
	unsigned source;
};
struct index {
	VEC(struct index_file) files;
	VEC(struct index_entry) all; /* sorted by path, then source */
};
int index_load(struct index *x, const struct apt_root *r, const struct sources *s, struct err *err);
/* Add the paragraphs of one Packages file; for tests and the fuzzer as well. `text` must outlive the index. */
int index_parse(struct index *x, const char *text, size_t len, unsigned source, const char *name, struct err *err);
void index_release(struct index *x);
#define _cleanup_index_ __attribute__((cleanup(index_release)))

/* The entry whose .deb has this address, or NULL. */
const struct index_entry *index_by_uri(const struct index *x, const struct sources *s, const char *uri);
/* The name in the index that is nearest to `word`, or NULL. The caller frees it. */
char *index_nearest(const struct index *x, const char *word);
