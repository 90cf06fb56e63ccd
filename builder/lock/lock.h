/*
 * The lock: every input of a profile pinned to a digest (docs/formats.md, "Lock"). Canonical JSON beside the profile.
 *
 *     struct lock l = {0};                                 lock_release(&l) at the end, also after a failure
 *     char *path = lock_path(a->beside);                   profiles/core.yaml -> profiles/core.lock
 *     lock_read(path, &l, err)                             strict: a bad lock is an error with its place in the file
 *     lock_fits(&l, a)                                     false: the profile now asks for something else
 *     lock_resolve(a, cache, offline, &l, err)             apt decides; needs the network unless offline
 *     lock_write(path, &l, err)
 *     lock_fetch(&l, cache, opts, err)                     download what is not in the cache
 *     const struct lock_set *s = lock_set(&l, "os");       s->v[i]->name, ->version, ->sha256
 *
 * Package keys are NAME:ARCH with the architecture of the package itself ("adduser:all"). Packages are sorted by key,
 * sets by id.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "fetch/cache.h"
#include "fetch/download.h"
#include "oci/model.h"
#include "oci/pin.h"
#include "plan/appliance.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCK_MAX (64 << 20) /* bytes of its text */

struct lock_source {
	const char *uri; /* without a slash at the end */
	const char *suite;
	struct str_list components;
	const char *release; /* SHA-256 of the signed Release file that was used */
};
struct lock_package {
	const char *key; /* "NAME:ARCH" */
	const char *name, *arch, *version;
	const char *sha256, *path; /* path: below the source's uri */
	uint64_t size;		   /* of the .deb, bytes */
	uint64_t installed;	   /* KiB, as the package says */
	size_t source;		   /* index into sources */
};
struct lock_set {
	const char *id; /* of the tree: "tools", "base", "os", "image/SERVICE/CONTAINER" */
	const struct lock_package **v;
	size_t n;
};
struct lock_image {	    /* not composed: a registry's, a layout's, an archive's */
	const char *name;   /* in the appliance */
	const char *source; /* as the service says, of a registry canonical */
	struct image_pin pin;
};
struct lock_model {
	const char *name;   /* whole */
	const char *source; /* as in struct model */
	struct model_pin pin;
};
struct lock {
	struct arena arena;
	const char *arch, *suite;
	uint64_t epoch; /* SOURCE_DATE_EPOCH: the newest Date of the sources */
	char request[HASH_HEX];
	struct {
		struct lock_source *v;
		size_t n;
	} sources;
	struct {
		struct lock_package *v;
		size_t n;
	} packages;
	struct {
		struct lock_set *v;
		size_t n;
	} sets;
	struct {
		struct lock_image *v; /* by name */
		size_t n;
	} images;
	struct {
		struct lock_model *v; /* by name */
		size_t n;
	} models;
};

void lock_release(struct lock *l);
#define _cleanup_lock_ __attribute__((cleanup(lock_release)))

/* "DIR/NAME.lock" for "DIR/NAME.yaml". The caller frees it. */
char *lock_path(const char *profile) __attribute__((returns_nonnull));
/* Read and check; a missing file is ERR_IO with sys ENOENT. */
int lock_read(const char *path, struct lock *ret, struct err *err);
/* The same from memory; `name` is the file's name for messages. */
int lock_parse(const char *text, size_t len, const char *name, struct lock *ret, struct err *err);
/* Canonical text; the caller frees it. */
char *lock_text(const struct lock *l) __attribute__((returns_nonnull));
int lock_write(const char *path, const struct lock *l, struct err *err);

/* Hash of what the appliance asks for: suite, architecture, components, mirror, keyring, every tree's parent and
 * packages, the images' sources, and the models with their texts. */
void lock_request(const struct appliance *a, char hex[HASH_HEX]);
bool lock_fits(const struct lock *l, const struct appliance *a);
/* In what they differ, as a clause about the lock ("it has no image X"); NULL when it fits. The caller frees it. */
char *lock_difference(const struct lock *l, const struct appliance *a);

const struct lock_set *lock_set(const struct lock *l, const char *id);		/* NULL when there is none */
const struct lock_package *lock_package(const struct lock *l, const char *key); /* NULL when there is none */
/*
 * What root and store take at least, before anything is built. Packages are a third to a quarter of their installed
 * size in a squashfs (measured); a sixth is less than any, so that nothing is refused that could fit.
 */
struct image_sizes lock_image_sizes(const struct lock *l);
/* Full address of a package's .deb. The caller frees it. */
char *lock_uri(const struct lock *l, const struct lock_package *p) __attribute__((returns_nonnull));

/*
 * Resolve an appliance's trees by apt in a private root (CACHE/apt/KEY). Errors: ERR_RESOLVE (a package that does not
 * exist or cannot be installed), ERR_NETWORK, ERR_VERIFY (signature), ERR_CONFIG (no mirror), ERR_TOOL (no apt on this
 * host). offline: only the index fetched earlier.
 */
int lock_resolve(const struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err);
/*
 * Pin the images of an appliance that are not composed; lock_resolve does. Offline: a registry's means what it meant
 * when it was last asked.
 */
int lock_pin_images(const struct appliance *a, struct cache *c, bool offline, struct lock *l, struct err *err);
/* Bring the blobs of images that the cache lacks: opts as for lock_fetch. */
int lock_fetch_images(const struct lock *l, const struct appliance *a, struct cache *c,
	const struct download_opts *opts, struct err *err);
/* The same of models. */
int lock_pin_models(const struct appliance *a, struct cache *c, bool offline, struct lock *l, struct err *err);
int lock_fetch_models(const struct lock *l, const struct appliance *a, struct cache *c,
	const struct download_opts *opts, struct err *err);
const struct lock_model *lock_model(const struct lock *l, const char *name); /* NULL when there is none */
uint64_t lock_models_size(const struct lock *l);			     /* in the store */
/*
 * Tell the appliance which models these are, how large and, of those that the cache has (it may be NULL), what their
 * contexts take; ERR_CONFIG when they do not fit its machine.
 */
int lock_weigh(const struct lock *l, const struct cache *c, struct appliance *a, struct err *err);
/* Download the packages that the cache lacks. opts may be NULL. */
int lock_fetch(const struct lock *l, struct cache *c, const struct download_opts *opts, struct err *err);
