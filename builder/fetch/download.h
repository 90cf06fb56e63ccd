/*
 * Downloads into the cache: many at once, resumed, retried, and hashed before they get their name.
 *
 *     struct download d[] = {{.uri = "...", .sha256 = hex, .size = n, .what = "package adduser 3.152"}, ...};
 *     download_all(cache, d, n, &(struct download_opts){0}, err)
 *
 * URIs are http:, https: and file:. Proxies are the host's: apt's Acquire::http::Proxy (download_host_opts), else the
 * environment. Statuses 408, 425, 429 and 5xx, time-outs and cut connections are tried again with growing pauses
 * (Retry-After is obeyed), some times, or any number of times while each brings further bytes; what arrived stays in
 * CACHE/partial/ and is continued by a range request, in this run or the next. Other statuses fail at once.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fetch/cache.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who asks, for servers that want to know. `get` gives the value of Authorization in *ret (the caller frees it), NULL
 * for none; `refused` is what the server has just answered with 401, to be replaced, or NULL. It may block.
 */
struct download_auth {
	int (*get)(void *arg, const char *refused, char **ret, struct err *err);
	void *arg;
};
struct download {
	const char *uri;
	const char *sha256;		  /* 64 hex digits */
	uint64_t size;			  /* bytes */
	const char *what;		  /* for people: "package adduser 3.152" */
	const struct download_auth *auth; /* or NULL */
};
struct download_opts {
	unsigned parallel;     /* connections at once; 0: 8 */
	unsigned attempts;     /* per download; they count anew when one brings further bytes; 0: 5 */
	uint64_t pause_ms;     /* before the second attempt, doubled after each; 0: 500 */
	uint64_t stall_ms;     /* no byte for so long is a time-out; 0: 30 s */
	const char *gone_hint; /* what to do when a server says 404 or 410, or serves other bytes */
	bool offline;	       /* what is missing is an error */
	bool not_apt;	       /* not a package: proxies are the environment's, apt has no say */
	const char *ca;	       /* PEM file of CAs that are trusted beside the host's, or NULL */
};
/* Returns when all are in the cache. The first definite failure ends the rest. Progress step "fetch", in bytes. */
int download_all(
	struct cache *c, const struct download *v, size_t n, const struct download_opts *opts, struct err *err);

/* Ask for a URI's head: 1 it is there, 0 the server says it is not (404, 410; no such file), -1 error. For finding out
 * what a mirror serves. */
int download_probe(const char *uri, const struct download_opts *opts, struct err *err);
