/*
 * What an image contains besides packages: /usr/lib/kiln/machine.json for kiln-agent, one podman quadlet per container
 * (podman-systemd.unit(5)), one unit per provision graph, the containers' static files, os-release. wire_make() is a
 * pure function of the appliance; wire_write() puts its result in a directory that goes over the OS tree.
 *
 * What every appliance has alike (kiln-secrets.service and its like, containers.conf, sshd, networkd) is data:
 * overlays/base/os. Generated units only name those.
 */
#pragma once
#include "base/err.h"
#include "plan/appliance.h"
#include <stdint.h>

/*
 * The numbers of a user and group of a container (its image's /etc/passwd and /etc/group; `c` has the tree or image
 * reference). `owner` may be a name or a number, NULL is 0; `group` NULL is the owner's own group (a bare number: the
 * same number).
 */
typedef int (*wire_user_fn)(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err);

struct wire_facts {
	const char *version; /* of the image, for os-release and machine.json */
	uint64_t epoch;	     /* SOURCE_DATE_EPOCH: time of all files, and the earliest the machine's clock may show */
	wire_user_fn user;
	void *user_arg;
};

/* One file or link of the image. */
struct wire_file {
	const char *path; /* absolute in the image */
	const char *data; /* content; NULL with `source` or `target` */
	size_t len;
	const char *source; /* file of the build host to copy */
	const char *target; /* a symbolic link to this */
	unsigned mode;
	uint32_t uid, gid;
};
struct wire_files {
	struct arena arena;
	VEC(struct wire_file) list; /* sorted by path, each path once */
};

/* All files of the image. `out` is zeroed by the caller and released by wire_files_release, on errors as well. */
int wire_make(const struct appliance *a, const struct wire_facts *f, struct wire_files *out, struct err *err);
void wire_files_release(struct wire_files *out);
#define _cleanup_wire_ __attribute__((cleanup(wire_files_release)))

/*
 * wire_make and write it under `outdir`, which must not exist (its parent must). Sets owners: call it inside the
 * namespace (ns_call) as root of it. On error nothing is left.
 */
int wire_write(const struct appliance *a, const struct wire_facts *f, const char *outdir, struct err *err);

/*
 * Look a user up in the text of a passwd and a group file (passwd(5), group(5)), with the rules of wire_user_fn. For
 * those who implement it.
 */
int wire_find_user(const char *passwd, const char *group_text, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err);
