/*
 * The signature covers the method, the path, the query, the body and three headers; what else a request carries is not
 * signed. libcurl's own signing differs between the versions that machines have.
 */
#include "target/agent/sigv4.h"
#include "base/hash.h"
#include "base/mem.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SIGNED_HEADERS "host;x-amz-content-sha256;x-amz-date"
#define KEY_BYTES 32 /* of HMAC-SHA256 */

static void hmac(const void *key, size_t key_len, const char *text, uint8_t out[KEY_BYTES])
{
	unsigned len = KEY_BYTES;
	HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), out, &len);
}

/* The query's members in order, each with a "=". */
static char *canonical_query(const char *query)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	str_split(&parts, query, "&");
	strvec_sort(&parts);
	strbuf_adds(&b, "");
	for (size_t i = 0; i < parts.n; i++)
		strbuf_addf(&b, "%s%s%s", b.len ? "&" : "", parts.v[i], strchr(parts.v[i], '=') ? "" : "=");
	return strbuf_steal(&b);
}

static char *canonical_request(const struct sigv4_request *r, const char *body_hash, const char *time)
{
	size_t len = strcspn(r->path, "?");
	_cleanup_free_ char *path = xstrndup(r->path, len),
			    *query = canonical_query(r->path[len] ? r->path + len + 1 : "");
	return xasprintf("%s\n%s%s\n%s\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n" SIGNED_HEADERS "\n%s",
		r->method, *path == '/' ? "" : "/", path, query, r->host, body_hash, time, body_hash);
}

/* The key of that day, region and service. */
static void signing_key(const struct sigv4 *s, const char *day, uint8_t key[KEY_BYTES])
{
	char *first = xasprintf("AWS4%s", s->secret_key);
	hmac(first, strlen(first), day, key);
	explicit_bzero(first, strlen(first));
	free(first);
	hmac(key, KEY_BYTES, s->region, key);
	hmac(key, KEY_BYTES, s->service, key);
	hmac(key, KEY_BYTES, "aws4_request", key);
}

void sigv4_sign(const struct sigv4 *s, const struct sigv4_request *r, struct strvec *headers)
{
	char time[32], day[16], body_hash[HASH_HEX], request_hash[HASH_HEX], signature[HASH_HEX];
	uint8_t key[KEY_BYTES], raw[KEY_BYTES];
	struct tm tm;
	gmtime_r(&r->at, &tm);
	strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &tm);
	strftime(day, sizeof day, "%Y%m%d", &tm);
	const char *body = r->body ? r->body : "";
	if (r->body_hash)
		snprintf(body_hash, sizeof body_hash, "%s", r->body_hash);
	else
		hash_bytes(body, strlen(body), body_hash);
	_cleanup_free_ char *request = canonical_request(r, body_hash, time);
	hash_bytes(request, strlen(request), request_hash);
	_cleanup_free_ char *scope = xasprintf("%s/%s/%s/aws4_request", day, s->region, s->service);
	_cleanup_free_ char *to_sign = xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", time, scope, request_hash);
	signing_key(s, day, key);
	hmac(key, KEY_BYTES, to_sign, raw);
	explicit_bzero(key, sizeof key);
	hash_hex(raw, signature);
	strvec_addf(headers, "Host: %s", r->host);
	strvec_addf(headers, "X-Amz-Content-Sha256: %s", body_hash);
	strvec_addf(headers, "X-Amz-Date: %s", time);
	strvec_addf(headers,
		"Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=" SIGNED_HEADERS ", Signature=%s",
		s->access_key, scope, signature);
}
