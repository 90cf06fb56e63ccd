/*
 * Small answers over HTTP, whole in memory: manifests, tokens. What downloads do about proxies, certificates,
 * redirects, pauses and time-outs is done here, too.
 */
#pragma once
#include "base/str.h"
#include "fetch/download.h"

struct requester; /* a client with its open connections; one request at a time */
struct requester *requester_new(const struct download_opts *opts) __attribute__((returns_nonnull));
void requester_free(struct requester *r);

struct request {
	const char *uri;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL; not sent on to another host */
	const char *form;	    /* a form to POST, or NULL: GET */
	size_t max;		    /* a longer body is an error */
	bool stay;		    /* do not follow redirects */
};
struct response {
	long status;
	char *body; /* NUL-terminated */
	size_t len;
	char *type;		  /* Content-Type without parameters, or NULL */
	char *digest;		  /* Docker-Content-Digest, or NULL */
	struct strvec challenges; /* values of WWW-Authenticate */
};
/*
 * Ask, again after 408, 425, 429, 5xx (Retry-After is obeyed) and failures that may pass. 0 with any other status; it
 * is the caller's to judge. Errors are ERR_NETWORK, or ERR_VERIFY for a body that is too long.
 */
int request_send(struct requester *r, const struct request *q, struct response *ret, struct err *err);
void response_release(struct response *r);
#define _cleanup_response_ __attribute__((cleanup(response_release)))
