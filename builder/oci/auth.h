/*
 * Access to one repository of a registry: nothing, a password, or a token fetched for it (the distribution project's
 * token authentication). Tokens are asked for reading one repository, and fetched anew when they are refused.
 */
#pragma once
#include "fetch/request.h"
#include "oci/challenge.h"
#include <stdbool.h>

struct auth {
	struct requester *requester;
	const char *registry; /* as people call it */
	const char *host;     /* as it is reached */
	const char *path;
	bool plain; /* http: */
	bool asked; /* what it wants is known */
	struct challenge wants;
	char *header; /* value of Authorization; NULL: none */
};
/*
 * The header to send now, or NULL; `refused` as in struct download_auth ("" for none sent). ERR_NETWORK when the
 * registry wants a user and there is none, or refuses the one there is; ERR_CONFIG from the credentials' files.
 */
int auth_get(struct auth *a, const char *refused, char **ret, struct err *err);
/* The registry has said in an answer what it wants. */
void auth_challenged(struct auth *a, const struct strvec *challenges);
void auth_release(struct auth *a);
