/*
 * In what two appliances differ: two locks, or two images as `kiln inspect` sees them. Both become the same contents,
 * and the contents are compared (docs/formats.md, "Difference").
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "lock/lock.h"
#include <jansson.h>

struct diff_package {
	const char *key; /* NAME:ARCH */
	const char *version;
	const char *sha256;	  /* NULL: not known */
	uint64_t size, installed; /* bytes; 0: not known */
};
struct diff_tree {
	const char *id;
	VEC(struct diff_package) packages; /* by key */
};
/* A container image or a model. */
struct diff_image {
	const char *name;
	const char *digest;		      /* of the manifest, or podman's id: hex */
	const char *source;		      /* or NULL */
	const struct blob_ref *const *layers; /* in the manifest's order; NULL: not known */
	size_t n_layers;
};
typedef VEC(struct diff_image) diff_images; /* by name */
struct diff_source {
	const char *name; /* "URI SUITE" */
	const char *release;
};
struct contents {
	struct arena arena;
	const char *name;		    /* as people gave it */
	const char *arch, *suite, *version; /* NULL: not known */
	uint64_t epoch;			    /* 0: not known */
	VEC(struct diff_source) sources;    /* all by name */
	VEC(struct diff_tree) trees;
	diff_images images, models;
};
void contents_release(struct contents *c);
#define _cleanup_contents_ __attribute__((cleanup(contents_release)))

/* What a lock says; borrows from it. */
void contents_of_lock(const struct lock *l, const char *name, struct contents *ret);
/* What guest_inspect found in an image; its text is not believed. ERR_VERIFY when it is no appliance of kiln's. */
int contents_of_image(const json_t *inspected, const char *name, struct contents *ret, struct err *err);

/* docs/formats.md, "Difference"; the caller owns it. */
json_t *diff_make(const struct contents *from, const struct contents *to) __attribute__((returns_nonnull));
bool diff_is_same(const json_t *diff);
/* The same for people. */
void diff_text(const json_t *diff, struct strbuf *out);
