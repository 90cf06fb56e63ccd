/* What all requests share: curl's options, which failures may pass, how long to wait. Internal to fetch/. */
#pragma once
#include "fetch/aptconf.h"
#include "fetch/download.h"
#include <curl/curl.h>

/* Once per process, before anything of curl's. */
void http_init(void);
/* Monotonic. */
uint64_t http_now_ms(void);
/* The options with their defaults filled in. */
struct download_opts http_defaults(const struct download_opts *o);

/* Set options common to all requests: protocols, proxy, time-outs, name. */
void http_setup(CURL *easy, const char *uri, const struct apt_conf *conf, uint64_t stall_ms, char *error);
/* Trust the CAs of a PEM file beside the host's; NULL: only those. */
void http_trust(CURL *easy, const char *ca);
/* The value of header line `name:`, or NULL. Not NUL-terminated. */
const char *http_header(const char *line, size_t n, const char *name, size_t *ret_len);

/* Is this failure of curl one that a later attempt may not meet? */
bool http_may_pass(CURLcode code);
/* The same of a status: 408, 425, 429, 5xx. */
bool http_status_may_pass(long status);
/* Milliseconds that the answer just had asks to wait (Retry-After), or 0. */
uint64_t http_retry_after(CURL *easy);
/*
 * Milliseconds to wait after the given attempt (1-based; 0: none was made), when the server asked for `asked`.
 * UINT64_MAX: it asks for more than is bearable.
 */
uint64_t http_pause(const struct download_opts *o, unsigned attempt, uint64_t asked);
/* Say what went wrong, in words that do not depend on curl's version where it matters. Returns -1. */
int http_explain(CURL *easy, CURLcode code, const char *detail, uint64_t stall_ms, struct err *err);
