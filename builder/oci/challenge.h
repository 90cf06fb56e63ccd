/* What a registry asks for before it answers: WWW-Authenticate (RFC 9110, 11.6.1; RFC 6750; the registry's token
 * scheme). */
#pragma once
#include "base/mem.h"
#include <stdbool.h>

struct challenge {
	bool basic, bearer;
	char *realm, *service; /* of bearer; service may be NULL */
};
/*
 * Add what one header field says; it may hold several challenges. From text that makes no sense nothing is taken, and
 * schemes that are neither Basic nor Bearer are passed over.
 */
void challenge_add(struct challenge *c, const char *field);
void challenge_release(struct challenge *c);
