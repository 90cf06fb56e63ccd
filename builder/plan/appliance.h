/*
 * The resolved appliance: what everything after `plan` reads. Built once from a profile and its overlays by
 * appliance_load(), const from then on. All strings live in its arena. Lists are in a fixed order (services by
 * layer, then name; containers by service, then instance), so that everything made from it is reproducible.
 *
 * Text fields marked (rt) are "runtime text": evaluated as far as the build can; what only the machine knows is
 * left as references that kiln-agent resolves (docs/formats.md, "Runtime text"):
 *     ${secret:ID}  ${secret:ID|FILTER}  ${cert:ID:cert|key|ca}  ${fact:NAME}  ${address:CONTAINER}   and $${ for a
 * literal ${
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct kv {
	const char *key, *value; /* value may be (rt) */
	bool secret;		 /* the value contains a secret */
};
struct kv_list {
	struct kv *v;
	size_t n;
};
struct str_list {
	const char **v; /* NULL-terminated as well */
	size_t n;
};

/* A file to place, in a tree at build time or in a container at run time. */
struct file_spec {
	const char *path;   /* absolute, inside the tree or container */
	const char *source; /* path on the build host to copy from; NULL when `text` is set */
	const char *text;   /* content of a rendered template, (rt) when runtime or secret; NULL when `source` is set */
	const char *owner;  /* user name or number inside that tree; NULL: 0 */
	const char *group;  /* NULL: the owner's number */
	unsigned mode;	    /* 0: 0644, or what `source` has of execute bits */
	bool runtime;	    /* `text` holds runtime references: rendered by the agent into /run */
	bool secret;	    /* contains a secret */
};
struct file_list {
	struct file_spec *v;
	size_t n;
};
struct dir_spec {
	const char *path, *owner, *group;
	unsigned mode;
};

/* One file tree to compose from Debian packages: the tools, the shared container base, the OS, a container image. */
struct tree_spec {
	const char *id;	    /* "tools", "base", "os", "image/SERVICE/CONTAINER", "build/SET" */
	const char *parent; /* id of the tree below it ("base", "tools"), or NULL */
	bool configure;	    /* run maintainer scripts (not for tools) */
	struct str_list packages;
	struct file_list seed;	 /* placed before configuration */
	struct str_list debconf; /* "package question type value" */
	struct file_list files;	 /* placed after configuration */
	struct {
		struct dir_spec *v;
		size_t n;
	} dirs;
	struct kv_list links;	/* path -> target, made after configuration */
	struct str_list remove; /* paths and globs taken out at the end */
	struct str_list mask;	/* units masked (os) */
	struct str_list enable; /* units enabled (os) */
};

/* An image made from one that others made: files put into it, a command run in it, and what of its work is kept. */
struct derived_spec {
	const char *id; /* "SERVICE/CONTAINER" */
	struct file_list files;
	struct str_list command; /* empty: none */
	struct str_list env;	 /* "NAME=value", over the image's */
	const char *user;	 /* as in a container's config; NULL: the image's */
	uint64_t limit_ms;	 /* what the command may take; no part of what it makes */
	struct str_list keep;	 /* absolute, without "." and ".." */
};

enum health_kind { HEALTH_NONE, HEALTH_HTTP, HEALTH_HTTPS, HEALTH_TCP, HEALTH_EXEC };
struct health {
	enum health_kind kind;
	unsigned port;
	const char *path;     /* http(s) */
	struct str_list exec; /* argv inside the container */
	unsigned expect[8];   /* accepted statuses, 0-ended; none: 200..399 */
	uint64_t interval_ms, timeout_ms, start_ms;
};

struct volume {
	const char *name; /* on the machine: "SERVICE-VOLUME" or "SERVICE-VOLUME-INSTANCE" */
	const char *path; /* in the container */
	bool read_only;
};
struct host_mount { /* a path of the machine shown read-only in the container */
	const char *host, *path;
};
struct publish {
	const char *address; /* NULL: all */
	unsigned host_port, port;
	const char *protocol; /* "tcp" or "udp" */
	const char *service;
	const char *container; /* NULL: the machine itself listens */
};

/* A model that lies in the store: a registry's, or made of a file of this host and texts. */
struct model {
	const char *name;     /* whole: HOST/NAMESPACE/MODEL:TAG */
	const char *show;     /* as people and claimants call it */
	const char *manifest; /* where its manifest lies: HOST/NAMESPACE/MODEL/TAG */
	const char *source;   /* as in the lock: the whole name, with a digest where one is wanted, or "file:PATH" */
	const char *file;     /* on this host; NULL: it is a registry's */
	const char *template, *system, *parameters; /* texts, parameters as JSON; NULL: none */
	const char *license;			    /* a file on this host, or NULL */
	const char *at;				    /* "file:line:column" */
	/* Bytes; 0: not known yet. Of a file they are known when it is there, of others from the lock (lock_weigh). */
	uint64_t size, weights;
	const char *digest; /* of its manifest, bare hexadecimal; NULL: not known yet */
	/* Once its head was read, of a file or of what is in the cache: bytes for a token of context (config/gguf.h).
	 */
	bool head;
	uint64_t token;
	uint64_t context; /* tokens that its own parameters say (num_ctx); 0: as many as who serves it */
};

/* One running container: one instance. */
struct container {
	const char *name; /* unique on the machine: "patroni-1", "haproxy" */
	const char *base; /* its name in the service: "patroni" */
	const char *service;
	unsigned instance, instances; /* 1-based */
	const char
		*image; /* name in the store: localhost/kiln/SERVICE/CONTAINER:kiln, or upstream's in canonical form */
	const char *source;	 /* NULL: composed; else where it comes from, as written (config/reference.h) */
	const char *source_path; /* of a local source: on this host */
	const char *upstream; /* name in the lock of what comes from there; `image`, unless it is derived from that */
	const struct derived_spec *derived;  /* NULL: it is as it comes */
	const struct tree_spec *tree;	     /* composed images; NULL for others */
	unsigned address;		     /* offset in the appliance's subnet */
	struct str_list aliases;	     /* further names on the network */
	struct str_list entrypoint, command; /* command: (rt) without secrets */
	const char *user, *workdir;
	struct kv_list env;	/* (rt), none secret */
	struct kv_list secrets; /* (rt) environment whose values are secret */
	struct file_list files;
	struct {
		struct volume *v;
		size_t n;
	} volumes;
	struct {
		struct host_mount *v;
		size_t n;
	} host;
	struct str_list tmpfs; /* "PATH" or "PATH:OPTIONS" */
	struct health health;
	uint64_t memory; /* bytes; 0: none stated */
	struct {
		const char *path;	    /* the appliance's models are seen here; NULL: nowhere */
		uint64_t loaded;	    /* as many are in its memory at once; 0: all */
		uint64_t overhead;	    /* of each, besides its weights, a fifth and its context */
		uint64_t context, parallel; /* tokens, and requests at once, each with so many; 0: not counted */
		struct health running;	    /* where it tells which are in memory; no kind: nowhere */
		const char *running_list, *running_name; /* JSON pointers in the answer: the list, a member's name */
	} models;
	struct str_list capabilities; /* kept; all others are dropped */
	struct kv_list sysctl, ulimits;
	struct str_list after;		 /* container names (instances expanded) started and healthy before it */
	struct str_list after_provision; /* ids of provision graphs that must be done before it */
	struct {
		const char *signal;   /* after its files changed: a signal ... */
		struct str_list exec; /* ... or a command in it */
	} reload;
	uint64_t stop_ms;
	bool writable_root; /* default: read-only */
	bool gpu;	    /* gets what `gpus` names of the appliance's GPUs; on a machine without them nothing */
	struct str_list gpus;
};

enum secret_kind { SECRET_BYTES, SECRET_CERT };
struct secret_spec {
	const char *id; /* "SERVICE/NAME" or "CLAIMANT/CLAIM/NAME" */
	enum secret_kind kind;
	unsigned bytes;
	const char *encoding;	    /* "hex", "base64", "alnum" */
	struct str_list names;	    /* certificates: DNS names */
	struct str_list containers; /* whose addresses go into the certificate */
	bool given;		    /* not made: root gives it; empty until then */
	bool site;		    /* the site's own certificate, where there is one, takes its place */
	const char *show;	    /* (rt) what it is, for the person who is told it once, or asked for it; or NULL */
};

struct provision {
	const char *id;	     /* "SERVICE" or "CLAIMANT.CLAIM" */
	const char *service; /* whose steps these are: the provider */
	const char *title;
	struct str_list containers; /* healthy before it starts */
	struct str_list after;	    /* other provision ids */
	json_t *steps;		    /* as in docs/formats.md, strings are (rt) */
};

struct claim {
	const char *service, *name; /* claimant */
	const char *kind;
	const char *provider;	/* service; NULL: optional and unfulfilled */
	json_t *params;		/* typed and complete */
	struct kv_list outputs; /* (rt) */
	const char *provision;	/* id, or NULL */
	const char *link;	/* (rt) where people find what it makes, or NULL */
	const char *where;	/* file:line:column */
};
struct flow {
	const char *from, *to; /* containers */
	unsigned port;	       /* 0: all (between containers of one service) */
	const char *protocol;
	const char *why; /* "n8n.db" or "own" */
};
/* What one claim asks kiln-agent to keep: programs in a container that write and read one stream. */
struct saved {
	const char *id, *service;   /* "SERVICE.CLAIM"; the claimant */
	struct str_list containers; /* instances; any one will do */
	struct str_list save, load; /* (rt) without secrets */
	struct str_list restart;    /* containers that keep in memory what they read there before it is brought back */
	const char *user;	    /* NULL: the container's own */
	uint64_t timeout_ms;
};
/* Kernel modules that are built for the image's kernel (`build:` of a firmware set). */
struct module_build {
	const char *set;	      /* the firmware set */
	const struct tree_spec *tree; /* "build/SET": sources, headers and tools */
	const char *source;	      /* pattern of one directory of it */
	struct file_list patches;     /* `path`: the name for people */
	struct {
		struct str_list *v; /* each a program and its arguments, with ${jobs}, ${kernel}, ${source} */
		size_t n;
	} commands;
	struct str_list modules; /* NAME.ko, or below a directory of the source */
};
/* The kind of GPU that the image is for (firmware/gpu-NAME.yaml). */
struct gpu_unit {
	const char *name, *summary, *kind, *vendor, *find;
	struct str_list classes, load, nodes;
	struct kv_list mounts; /* pattern of files of the OS, directory in the container */
};
struct egress {
	const char *to; /* "any", an address or a prefix */
	unsigned port;
	const char *protocol;
	struct str_list containers; /* from which */
};
struct service {
	const char *name, *layer, *summary, *dir;
	size_t first_container, n_containers; /* in appliance.containers */
	struct {
		struct egress *v;
		size_t n;
	} egress; /* what may leave the machine; empty: nothing */
};

struct appliance {
	struct arena arena;
	const char *name, *summary, *arch, *domain, *suite, *mirror; /* mirror NULL: the host's */
	const char *keyring;	 /* path of the keyring that verifies the mirror; NULL: Debian's archive keyring */
	struct kv_list mirrors;	 /* of registries: prefix and place, as written, in the order to try */
	const char *registry_ca; /* PEM file of further CAs of registries, or NULL */
	const char *file;	 /* the profile's path */
	const char *beside;	 /* its lock stands beside this path: `file`, but for a shipped profile given by name */
	struct str_list roots;	 /* data roots (docs/formats.md), nearest first: filled by appliance_load */
	struct str_list components;
	struct str_list layers;
	const char *subnet; /* "10.213.0.0/24" */
	struct str_list ssh_keys;
	struct str_list outputs;	    /* "raw", "qcow2" */
	struct str_list firmware;	    /* sets: the kernel's first, then as the profile says */
	struct str_list firmware_summaries; /* of these */
	struct str_list firmware_left_out;  /* further sets that there are */
	const struct gpu_unit *gpu;	    /* NULL: none */
	struct {
		struct module_build *v;
		size_t n;
	} builds;
	const char *module_key;		       /* PEM file that signs what is built; NULL: kiln makes one */
	struct kv_list microcode;	       /* CPU vendor, pattern of files of the OS: early in the initrd */
	struct str_list kernel_modules;	       /* for the initrd: from firmware sets and kernel flavour */
	const char *cmdline;		       /* added to the kernel's command line */
	bool release;			       /* slow, small compression */
	uint64_t machine_memory, machine_disk; /* what it must fit; 0: not stated */
	uint64_t slot_root, slot_store;	       /* partition sizes; 0: by content with headroom */
	unsigned machine_cpus;
	struct {
		struct service *v;
		size_t n;
	} services;
	struct {
		struct container *v;
		size_t n;
	} containers;
	struct {
		struct tree_spec *v;
		size_t n;
	} trees;
	struct {
		struct secret_spec *v;
		size_t n;
	} secrets;
	struct {
		struct provision *v;
		size_t n;
	} provisions;
	struct {
		struct claim *v;
		size_t n;
	} claims;
	struct {
		struct flow *v;
		size_t n;
	} flows;
	struct {
		struct publish *v;
		size_t n;
	} published;
	struct {
		const char *service;	/* whose offer it is; NULL: nothing is kept */
		struct kv_list options; /* (rt): where, how many */
		struct saved *v;
		size_t n;
	} saves;
	struct {
		struct model *v; /* by name */
		size_t n;
	} models;
	/* "file:line:column" of these keys; NULL where not stated */
	const char *machine_at, *slots_at, *outputs_at, *models_at;
	uint64_t memory_needed; /* what containers and services say; models come on top (appliance_models) */
	uint64_t disk_data;	/* what volumes and `needs` want of /var */
	uint64_t disk_needed;	/* as appliance_disk counts it */
};

/* What root and store take, compressed: bytes, 0 where not known. */
struct image_sizes {
	uint64_t root, store;
	bool least; /* they take at least that much, by what the lock says of the packages; else as built */
};

/* Load, resolve and check a profile. The caller frees it with appliance_free. */
struct appliance *appliance_load(const char *profile_path, struct err *err);
void appliance_free(struct appliance *a);
void appliance_cleanup(struct appliance **a);
#define _cleanup_appliance_ __attribute__((cleanup(appliance_cleanup)))
/*
 * The disk of the machine: ESP, two slots of root and store with their hash trees, and /var. Slots that are neither
 * given in the profile nor known by their content count nothing. ERR_CONFIG, naming the place in the profile, when the
 * machine's disk is too small for that, or a slot for its content.
 */
int appliance_disk(const struct appliance *a, const struct image_sizes *sizes, uint64_t *ret, struct err *err);
/*
 * What the models take: bytes in the store, and in memory, of the machine or of its GPUs, for all containers that serve
 * them; those not known count nothing. ERR_CONFIG, with the sum, when that does not fit the machine.
 */
struct models_need {
	uint64_t store, memory;
	uint64_t context; /* of the memory, what contexts take */
	size_t unknown;	  /* models whose size only the lock can tell */
	size_t headless;  /* models whose context is not known before they are fetched */
};
int appliance_models(const struct appliance *a, struct models_need *ret, struct err *err);
/* What weights and parameters (JSON) say of the memory for a context; nothing, when they cannot be read. */
void model_head(struct model *m, const char *weights_path);
void model_context(struct model *m, const char *parameters, size_t len);
/* The part of one container: the largest models that it has loaded at once, their weights and what comes with them. */
uint64_t container_models(const struct appliance *a, const struct container *c);
const struct container *appliance_container(const struct appliance *a, const char *name);
/* Appends the address in the containers' network with this last number. */
void appliance_address(const struct appliance *a, unsigned last, struct strbuf *b);
const struct tree_spec *appliance_tree(const struct appliance *a, const char *id);
/* The plan as JSON for `kiln plan --json`; the caller owns it. */
json_t *appliance_json(const struct appliance *a);
