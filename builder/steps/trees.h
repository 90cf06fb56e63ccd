/* The steps that make file trees: tools, container base, OS and one per composed image, with the layer index of each
 * image. */
#pragma once
#include "lock/lock.h"
#include "plan/appliance.h"
#include "steps/graph.h"
#include "tree/tools.h"

struct tree_step {
	const struct tree_spec *spec;
	struct step *tree;	  /* its output holds upper/ and lower/ */
	struct step *index;	  /* layer index (base and images), or NULL */
	struct tree_step *parent; /* or NULL */
	/* Filled by trees_paths(). NULL-terminated. */
	const char *own[3];   /* upper, lower */
	const char *above[8]; /* the parents' directories, nearest first */
	const char *all[10];  /* own, then above */
};

struct trees {
	struct arena arena;
	struct tree_step *v;
	size_t n;
	uint64_t epoch;
	const char *cache;
};

/* Add the steps of all trees of the appliance. An error when the lock lacks a set. */
int trees_add(struct graph *g, struct trees *t, const struct appliance *a, const struct lock *l, struct cache *cache,
	struct err *err);
struct tree_step *trees_find(struct trees *t, const char *id);
/* Open the packages of all trees that are not in the cache. After graph_place. */
int trees_unpack(struct trees *t, unsigned threads, struct err *err);
/* After graph_place: fill in the paths. */
void trees_paths(struct trees *t);
void trees_release(struct trees *t);
