/* Requests signed with AWS Signature Version 4, as servers that speak S3 want them. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <time.h>

struct sigv4 {
	const char *access_key, *secret_key, *region, *service;
};
struct sigv4_request {
	const char *method, *host, *path,
		*body; /* host as in the header, with its port; path with its query, encoded */
	time_t at;
	const char *body_hash; /* its SHA-256 where the body is no text; NULL: that of `body` */
};
/* Appends the headers that make a request a signed one, Host among them: send them as they are. */
void sigv4_sign(const struct sigv4 *s, const struct sigv4_request *r, struct strvec *headers);
