/* Requests to a server that speaks S3: one bucket, path-style addresses, signed. */
#pragma once
#include "target/agent/agent.h"

struct s3;
/*
 * `address` is http[s]://HOST[:PORT]; HOST may be a container of this machine. The keys come from the options, from the
 * system credential kiln.backup-s3 or from STATE/backup-s3, as two words. Nothing is asked yet. NULL with an error.
 */
struct s3 *s3_new(const struct agent *a, const json_t *options, struct err *err);
void s3_free(struct s3 *s);
const char *s3_bucket(const struct s3 *s);

typedef int (*s3_sink)(void *arg, const void *data, size_t n, struct err *err);
struct s3_call {
	const char *method, *key, *query; /* key: of an object, not encoded, or NULL; query: encoded, or NULL */
	const void *body;		  /* NULL: none */
	size_t len;
	s3_sink sink; /* the answer's body when it succeeds; NULL: it comes in `text`, at most 4 MiB */
	void *arg;
	struct strbuf text;
	char etag[128];
	long status;
};
/*
 * 0 for an answer of 2xx. Else -1: ERR_VERIFY where there is no such object (404), ERR_NETWORK with the server's words.
 * What may be over soon (no answer, 429, 5xx) is tried again for some seconds, unless a sink has had bytes.
 */
int s3_do(struct s3 *s, struct s3_call *c, struct err *err);
/* The text of the next <TAG> after *at, which moves behind it; false when there is none. */
bool s3_xml(const char **at, const char *tag, struct strbuf *out);
char *s3_encode(const char *text) __attribute__((returns_nonnull)); /* for a query; the caller frees it */
