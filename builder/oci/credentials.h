/*
 * Who the user is to a registry: containers-auth.json(5), as podman, buildah and skopeo read and `podman login` writes
 * it, and Docker's config.json. Names and passwords never get into messages.
 */
#pragma once
#include "base/err.h"

struct credentials {
	char *user, *password;
	char *identity_token; /* instead of a password: a refresh token of OAuth 2 */
};
/*
 * For REGISTRY/PATH the most specific entry of the first of these files that has one: $REGISTRY_AUTH_FILE (then none
 * else), $XDG_RUNTIME_DIR/containers/auth.json (else /run/containers/UID/), $XDG_CONFIG_HOME/containers/auth.json (else
 * ~/.config/), ~/.docker/config.json. 1: found, 0: none, -1: a file that cannot be read, or a credential helper, which
 * kiln does not run.
 */
int credentials_find(const char *registry, const char *path, struct credentials *ret, struct err *err);
void credentials_release(struct credentials *c); /* wipes them */
#define _cleanup_credentials_ __attribute__((cleanup(credentials_release)))
