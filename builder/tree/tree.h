/*
 * File trees composed from Debian packages. A composed tree is a directory with two layers, DIR/lower (links into the
 * cache of unpacked packages) and DIR/upper (what configuration changed); as an overlay: upper, lower, then the
 * parent's two. All of it is owned by ids of kiln's user namespace: read, link and remove it in there
 * (tree/namespace.h).
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "plan/appliance.h"

/* Part of the key of every step that composes a tree: another number, other bytes. */
enum { TREE_VERSION = 3 };

/* One package of a set, downloaded. */
struct tree_deb {
	const char *name;   /* "NAME:ARCH", as in the lock */
	const char *path;   /* the .deb */
	const char *sha256; /* 64 hex digits; the file is checked against it as it is read */
};

/*
 * Open every .deb once into CACHE/unpacked/SHA256 (data/, control/, list), with `threads` threads (0: one per core).
 * Those that are there already are not read again. All of them appear, durably, or none of the new ones. ERR_VERIFY
 * names a bad package.
 */
int tree_unpack_debs(const char *cache, const struct tree_deb *debs, size_t n, unsigned threads, struct err *err);

struct tree_job {
	const struct tree_spec *spec;
	const struct tree_deb *debs; /* its set: unpacked already */
	size_t n_debs;
	const char *const *parents; /* layers below, nearest first, NULL-terminated; NULL: none */
	const char *cache;
	const char *outdir; /* exists and is empty; gets lower/ and upper/ */
	uint64_t epoch;	    /* no time stamp of what configuration wrote is later */
	const char *log;    /* what the packages' scripts said is appended here; or NULL */
};
/*
 * Compose a tree: lower/ from the unpacked packages, then, for trees with `configure`, their scripts under real dpkg;
 * then the files, directories, links, units and removals of the spec; then everything that would differ from build to
 * build is taken out. Same inputs, same tree: content, owners, modes, times. On failure what is in outdir is worthless
 * (ns_remove it).
 */
int tree_compose(const struct tree_job *job, struct err *err);

/* Append DIR/upper and DIR/lower: the layers of a composed tree, nearest first. */
void tree_layers(struct strvec *to, const char *dir);
