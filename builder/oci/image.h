/* A composed image: its config and manifest (OCI image specification 1.1), made from a description and its layers. */
#pragma once
#include "base/err.h"
#include "base/hash.h"
#include "oci/layer.h"

/* All lists are NULL-terminated and may be NULL. */
struct image_spec {
	const char *const *names;	   /* fully qualified: "localhost/kiln/SERVICE/CONTAINER:kiln" */
	const char *arch;		   /* Debian's name: "amd64", "arm64", "armhf", ... */
	const struct layer *const *layers; /* base first */
	size_t n_layers;
	const char *const *entrypoint, *const *command, *const *env; /* env: "NAME=value" */
	const char *user, *workdir, *stop_signal;
};

struct image {
	char id[HASH_HEX];     /* SHA-256 of the config */
	char digest[HASH_HEX]; /* SHA-256 of the manifest */
	char *config, *manifest;
	char created[40]; /* RFC 3339 */
};
/* `created` is the epoch of the layers' indexes, the newest of them. */
int image_make(const struct image_spec *spec, struct image *ret, struct err *err);
void image_release(struct image *i);
