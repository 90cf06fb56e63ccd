/* One HTTP request by libcurl, to a container's address. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

struct http_request {
	const char *scheme, *address, *path, *method; /* "http" | "https", an IPv4 address, "/x", NULL: GET */
	unsigned port;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *body;	    /* NULL: none */
	const char *ca;		    /* https: the CA's file; NULL: the certificate is not looked at (liveness only) */
	uint64_t timeout_ms;
};
struct http_answer {
	unsigned status;
	struct strbuf body; /* at most a megabyte of it */
};
/* 0 when an answer came, whatever its status; -1 when none did. Proxies of the environment are not used. */
int http_do(const struct http_request *r, struct http_answer *answer, struct err *err);
