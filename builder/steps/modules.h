/*
 * Steps for kernel modules that are not the kernel's own: one per firmware set that builds some, which compiles them in
 * a tree on top of the tools, without a network; and one that signs them all and makes depmod's tables anew, as a layer
 * over the OS tree.
 */
#pragma once
#include "fetch/cache.h"
#include "plan/appliance.h"
#include "steps/graph.h"
#include "steps/trees.h"

struct module_step {
	const struct module_build *build;
	struct tree_step *tree;
	struct step *made; /* the modules, not signed, and "kernel": its version */
	struct modules *all;
};
struct modules {
	struct arena arena;
	struct trees *trees;
	const char *cache, *key; /* key: a PEM file */
	unsigned jobs;
	struct module_step *v;
	size_t n;
	struct step *layer; /* "os-modules": "tree"; NULL: the appliance builds none */
	/* Filled by modules_paths(): the OS tree's layers with that over them, nearest first, NULL-terminated. */
	const char *os[12];
};

/*
 * Add the steps; the trees' are there. Where the appliance names no key, the cache's own signs, which is made now if
 * `make_key`; without that, what it would sign counts as not made.
 */
int modules_add(struct graph *g, struct modules *m, const struct appliance *a, struct trees *trees, struct cache *cache,
	bool make_key, struct err *err);
/* After trees_paths. */
void modules_paths(struct modules *m);
void modules_release(struct modules *m);
