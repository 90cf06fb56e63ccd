/* The steps from trees to the parts of a disk: programs, root and store with their hash trees, initrd, UKI, ESP. */
#pragma once
#include "plan/appliance.h"
#include "steps/graph.h"
#include "steps/modules.h"
#include "steps/sbom.h"
#include "steps/trees.h"
#include "steps/upstream.h"
#include "tree/tools.h"
#include "wire/wire.h"

struct image_steps {
	const struct appliance *a;
	struct trees *trees;
	struct modules *modules;
	struct upstreams *upstreams;
	struct sbom_step sbom;
	struct tools tools;
	struct wire_facts facts;
	char *source;		   /* directory of the target programs' sources */
	struct step *init, *agent; /* compiled: "program" */
	struct step *root;	   /* "root.squashfs", "verity", "hash" */
	struct step *store;	   /* "store.squashfs", "verity", "hash", "report.json" */
	struct step *initrd;	   /* "initrd" */
	struct step *esp;	   /* "uki", "esp" */
};

/* Programs first: they depend on the tools tree only. */
int image_add_programs(struct graph *g, struct image_steps *s, struct err *err);
/*
 * The rest, once the trees are made. `wired` is the hash of what wire_make gives for the version in s->facts;
 * `version` goes into os-release and labels.
 */
int image_add_parts(struct graph *g, struct image_steps *s, const char *wired, struct err *err);
/* A root hash that a root or store step left. The caller frees it. */
char *image_read_hash(const struct step *s, struct err *err);
void image_steps_release(struct image_steps *s);
