/* The machine file (docs/formats.md), parsed and checked. Strings live in its JSON tree or arena. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_kind { PROBE_NONE, PROBE_HTTP, PROBE_HTTPS, PROBE_TCP, PROBE_EXEC };
struct health {
	enum probe_kind kind;
	unsigned port;
	const char *path;
	const char *const *exec; /* NULL-terminated */
	unsigned expect[8];	 /* accepted statuses, ended by 0; none: 200..399 */
	uint64_t interval_ms, timeout_ms, start_ms;
};
struct rendered_file {
	const char *path, *text;
	unsigned mode, uid, gid;
};
struct env_var {
	const char *name, *value;
};
struct container {
	const char *name, *service, *layer, *unit;
	char address[16];
	const char *const *aliases; /* further names on the network; NULL-terminated */
	uint64_t memory;
	struct health health;
	struct rendered_file *files;
	size_t n_files;
	struct env_var *env;
	size_t n_env;
	const char *reload_signal;	/* how it takes up changed files: a signal ... */
	const char *const *reload_exec; /* ... or a command in it; neither: it is restarted */
};
struct secret {
	const char *id;
	unsigned bytes;
	const char *encoding;
	const char *show;	/* (rt) what it is, for the person who is told it once, or asked for it; or NULL */
	bool given;		/* not made: root gives it; empty until then */
	bool certificate, site; /* site: the site's own is served in its place when there is one */
	const char *const *names, *const *containers; /* of a certificate; NULL-terminated */
};
struct provision {
	const char *id, *service, *title;
	const char *const *containers;
	const json_t *steps;
};
struct flow {
	const struct container *from, *to;
	unsigned port; /* 0: all */
	const char *protocol, *why;
};
struct publish {
	const char *address; /* NULL: all of the machine's */
	unsigned host_port, port;
	const char *protocol;
	const struct container *container;
};
struct egress {
	const struct container *container;
	const char *to; /* "any" or an IPv4 address or prefix */
	unsigned port;	/* 0: all */
	const char *protocol;
};
struct service {
	const char *name, *layer, *summary;
	const char *const *containers;
};

struct backup_item {
	const char *id, *service;
	const char *const *containers; /* NULL-terminated */
	const char *const *restart;    /* containers that are started again after `load` */
	const json_t *save, *load;     /* commands: runtime text */
	const char *user;	       /* NULL: the container's own */
	uint64_t timeout_ms;
};

struct machine {
	struct arena arena;
	json_t *root;
	const char *name, *version, *domain, *bridge, *network;
	char subnet[20];  /* in use, canonical: "10.213.0.0/24" */
	char gateway[16]; /* the subnet's first address */
	int64_t epoch;
	struct service *services;
	struct container *containers;
	struct secret *secrets;
	struct provision *provisions;
	struct flow *flows;
	struct publish *published;
	struct egress *egress;
	const json_t *backup; /* options of backups (runtime text); NULL: none are made */
	struct backup_item *saved;
	size_t n_saved, n_services, n_containers, n_secrets, n_provisions, n_flows, n_published, n_egress;
};

/* Read and check the file. `subnet` replaces the file's own when not NULL. Release with machine_release, also after an
 * error. */
int machine_load(struct machine *m, const char *path, const char *subnet, struct err *err);
void machine_release(struct machine *m);
const struct container *machine_container(const struct machine *m, const char *name); /* NULL: none */
const struct secret *machine_secret(const struct machine *m, const char *id);
const struct provision *machine_provision(const struct machine *m, const char *id);
/* An IPv4 subnet "A.B.C.D/N" (8..29): network and host counts in host order. ERR_CONFIG when malformed or with host
 * bits set. */
int subnet_parse(const char *text, uint32_t *base, unsigned *bits, struct err *err);
