/* profiles/NAME.yaml, with what it extends (docs/formats.md, "Profile"). */
#pragma once
#include "config/roots.h"
#include "config/service.h"

/* A model that lies in the image. Without `file` it is a registry's. */
struct model_def {
	const struct ynode *name;
	const struct ynode *file, *template, *system, *license; /* or NULL */
	const struct ynode *parameters;				/* a mapping, or NULL */
	const struct ynode *self;
};

struct profile {
	const char *name, *summary, *arch, *domain, *suite, *mirror, *cmdline;
	struct ylist components, services, exclude, firmware, outputs, ssh_keys, packages;
	const struct ynode *settings; /* SERVICE: {SETTING: value}, or NULL */
	struct ymap providers;
	struct ymap variants;		 /* SERVICE: its variant */
	const struct ynode *keyring;	 /* a path beside the file that says it, or NULL */
	const struct ynode *mirrors;	 /* {PREFIX: PLACE or [PLACE]}, or NULL */
	const struct ynode *registry_ca; /* a path, or NULL */
	BLIST(struct model_def) models;
	const struct ynode *kernel; /* or NULL: "cloud" */
	const struct ynode *gpu;    /* or NULL: "none" */
	const struct ynode *gpus;   /* {SERVICE or CONTAINER: all, none or [NAME]}, or NULL */
	struct {
		uint64_t memory, disk, cpus;
	} machine;
	struct {
		uint64_t root, store;
	} slots;
	struct {
		const struct ynode *modules; /* a path, or NULL */
	} keys;
	bool release;
	const struct ynode *subnet; /* or NULL */
	file_defs files;
	const struct ynode *self;
};

/*
 * Load a profile and everything it extends, merged: mappings by key, lists joined (`outputs` and `components`
 * replaced), the rest as the nearest file says. A service that a profile asks for is no longer excluded by what it
 * extends.
 */
struct profile *profile_load(struct arena *arena, const struct roots *roots, const char *path, struct err *err);
/* One document by itself: its keys and values, without what it extends. */
int profile_check(struct arena *arena, const struct ynode *root, struct err *err);
