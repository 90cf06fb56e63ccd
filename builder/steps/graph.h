/*
 * The step graph. A step makes one directory, CACHE/steps/NAME-KEY/, that is a function of what its key was hashed
 * from. Keys are known before anything runs, so a step whose output is there is not run, and neither is anything
 * that only it needs. Ready steps run side by side.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>

struct step {
	const char *name; /* "tree-os": file name friendly */
	const char *what; /* for progress: "OS tree, 212 packages" */
	char key[HASH_HEX];
	VEC(const struct step *) deps; /* whose outputs it reads */
	/* Make the output in `dir`, an empty directory; on success it is synced and renamed into place. */
	int (*make)(const struct step *s, const char *dir, struct err *err);
	void *arg; /* for make */
	char *dir; /* CACHE/steps/NAME-KEY; set by graph_place */
	/* private to graph_run */
	bool needed, cached, running, done;
};

struct graph {
	const char *cache;
	unsigned jobs; /* steps at once; 0: one per core */
	bool explain;  /* say why each step runs or does not */
	VEC(struct step *) steps;
};

/* A step of the graph; owned by it, freed by graph_release. The key is completed with step_key_*. */
struct step *graph_add(struct graph *g, const char *name, const char *what);
/* `s` reads what `dep` made: its key goes into that of `s`. NULL is ignored. */
void step_needs(struct step *s, struct hash *key, const struct step *dep);
/* Give every step that has its key its place in the cache and see whether it is there. graph_run does it for later
 * ones. */
void graph_place(struct graph *g);
/* Bring `goals` (NULL-terminated) up to date. */
int graph_run(struct graph *g, struct step *const *goals, struct err *err);
void graph_release(struct graph *g);
/* A file of a step's output. The caller frees it. */
char *step_path(const struct step *s, const char *name) __attribute__((returns_nonnull));
