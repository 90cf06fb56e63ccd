/* overlays/LAYER/NAME/service.yaml as written (docs/formats.md, "Service"): texts are not yet evaluated. */
#pragma once
#include "config/bind.h"

struct file_def {
	const char *path;
	const struct ynode *from, *text; /* exactly one */
	const struct ynode *each; /* of a container: a list, of which every item makes a file; NULL: there is one */
	const char *owner, *group;
	unsigned mode;
	bool secret;
	const struct ynode *self;
};
struct dir_def {
	const char *path, *owner, *group;
	unsigned mode;
};
typedef BLIST(struct file_def) file_defs;

struct run_def { /* a command that runs in an image while it is made from another one */
	struct ylist command;
	struct ymap env;
	const char *user;
	uint64_t limit; /* ms; 0: not said */
};
struct tree_def { /* what a tree holds; a container's image can be a `reference` instead, or made `from` one */
	const struct ynode *reference, *from;
	struct run_def *run;
	struct ylist keep;
	struct ylist packages, debconf, remove, mask, enable;
	file_defs seed, files;
	BLIST(struct dir_def) directories;
	struct ymap links;
	const struct ynode *self;
};
struct typed_def { /* a setting of a service or a parameter of an offer */
	const char *name, *type;
	const struct ynode *preset; /* `default` */
	struct ylist values;
	const struct ynode *pattern; /* an extended regular expression (regex(7)) for all of it */
	const char *expects;	     /* what that wants, in words; or NULL */
	uint64_t min, max;
	const char *help;
	bool unique; /* of parameters: no two claims on one provider have the same */
	const struct ynode *self;
};
typedef BLIST(struct typed_def) typed_defs;

struct cert_def {
	struct ylist names, containers;
	bool site; /* the site's own, where there is one, takes its place */
};
struct secret_def {
	const char *name;
	uint64_t bytes;
	const char *encoding;
	struct cert_def *certificate;
	bool given;		  /* not made: root gives it to the machine; empty until then */
	const struct ynode *when; /* the condition under which there is one, or NULL */
	const struct ynode *show; /* what it is, for the person who is told it once, or asked for it; or NULL */
	const struct ynode *self;
};
typedef BLIST(struct secret_def) secret_defs;

struct volume_def {
	const char *name;
	const struct ynode *path;
	bool shared, read_only;
	uint64_t size; /* room it asks for, for the disk budget */
};
struct health_def {
	const struct ynode *http, *https, *tcp;
	struct ylist exec, expect;
	uint64_t start, interval, timeout; /* ms */
	const struct ynode *self;
};
struct reload_def {
	const char *signal;
	struct ylist exec;
};
struct running_def {		  /* who tells which models are in memory */
	const struct ynode *http; /* PORT/PATH: there, in JSON ... */
	const char *list, *name;  /* ... this is the list, and of each member this its name: JSON pointers */
};
struct serves_def {		    /* the models of the profile, in Ollama's layout */
	const struct ynode *path;   /* where the container finds them */
	const struct ynode *loaded; /* how many it has in memory at once, or NULL: all */
	const struct ynode
		*overhead; /* what each takes there besides its weights, a fifth and its context, or NULL: nothing */
	const struct ynode *context;  /* tokens that each sees at once, or NULL: not counted */
	const struct ynode *parallel; /* requests that each answers at once, or NULL: one */
	struct running_def *running;  /* or NULL */
	const struct ynode *self;
};
struct container_def {
	const char *name;
	const struct ynode *instances;
	struct tree_def *image;
	const char *user, *workdir;
	struct ylist entrypoint, command;
	struct ymap env, secrets, host, sysctl, ulimits;
	file_defs files;
	BLIST(struct volume_def) volumes;
	struct ylist tmpfs, capabilities, after, aliases;
	struct serves_def *models;
	struct health_def *health;
	const struct ynode *memory;
	struct reload_def *reload;
	uint64_t stop;
	bool writable;
	bool gpu; /* gets the machine's GPUs, where there are some */
	const struct ynode *self;
};
struct publish_def {
	const struct ynode *port, *to, *address;
	const struct ynode *container;
	const char *protocol;
	const struct ynode *self;
};
struct egress_def { /* what may leave the machine */
	const struct ynode *to;
	const struct ynode *container; /* from which; NULL: from all of the service */
	const struct ynode *when;      /* the condition under which it may, or NULL */
};
struct needs_def { /* beyond what containers and volumes say */
	uint64_t memory, disk;
};
struct refuse_def { /* claims or settings for which all conditions hold are refused with the text */
	struct ylist when;
	const struct ynode *text;
	const struct ynode *self;
};
typedef BLIST(struct refuse_def) refuse_defs;
struct offer_def {
	const char *kind;
	typed_defs params;
	secret_defs secrets;
	struct ymap gives;
	refuse_defs refuse;
	struct ylist reach, calls, callers;
	const struct ynode *link;      /* where people find what a claim makes, for the appliance's page; or NULL */
	struct ymap saves;	       /* kiln-agent keeps copies of what claimants have: where, how many */
	const struct ynode *aliases;   /* CONTAINER: [names] */
	const struct ynode *provision; /* steps */
	const char *retire;	       /* "keep" or NULL: what was made for a claim stays when the claim goes */
	struct needs_def needs;
	const struct ynode *self;
};
struct claim_def {
	const char *name, *kind;
	const struct ynode *params; /* the mapping under the kind */
	const struct ynode *from;   /* a service, or NULL */
	bool optional;
	bool restarts; /* `restored: restart`: what keeps in memory what it once read, when a backup is brought back */
	const struct ynode *self;
};
struct service_def {
	const char *name, *summary, *layer;
	const char *dir, *file; /* absolute directory; the file as shown */
	bool always;
	struct ymap gpu_variants; /* KIND OF GPU: the variant for it, where the profile names none */
	typed_defs settings;
	refuse_defs refuse; /* settings */
	secret_defs secrets;
	struct {
		struct tree_def *tools, *base, *os;
	} trees;
	BLIST(struct container_def) containers;
	BLIST(struct publish_def) publish;
	BLIST(struct egress_def) egress;
	BLIST(struct claim_def) claims;
	BLIST(struct offer_def) offers;
	const struct ynode *provision;
	struct needs_def needs;
	const struct ynode *self;
};

/* Names that references reserve; no claim, parameter or loop variable may be called so. NULL-terminated. */
extern const char *const reserved_names[];

/*
 * Read and bind; nothing is evaluated. `path` to open, `shown` for errors; `variant` is a scalar of the profile that
 * names one or VARIANT_NONE, or NULL: then the service's own for the kind of GPU `gpu`, if any. Everything lives in the
 * arena.
 */
struct service_def *service_load(struct arena *arena, const char *path, const char *shown, const char *layer,
	const struct ynode *variant, const char *gpu, struct err *err);
/* The same for a document that is already read; `dir` and `layer` are kept as given. */
struct service_def *service_bind(
	struct arena *arena, const struct ynode *root, const char *dir, const char *layer, struct err *err);
/* The table of `files:` of trees and profiles (no `secret`). */
extern const struct field tree_file_fields[];
int file_defs_check(const file_defs *files, struct err *err);
