/* X.509 certificates and keys as PEM (RFC 7468), for what the appliance issues and what a site brings. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define X509_PEM_MAX (1u << 20)
#define X509_DAY INT64_C(86400)
#define X509_DATE 32 /* bytes of "2026-12-31" and more */

static inline void cleanup_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static inline void cleanup_x509(X509 **c)
{
	X509_free(*c);
}
static inline void cleanup_x509_list(STACK_OF(X509) * *l)
{
	sk_X509_pop_free(*l, X509_free);
}
static inline void cleanup_bio(BIO **b)
{
	BIO_free_all(*b);
}
#define _cleanup_pkey_ __attribute__((cleanup(cleanup_pkey)))
#define _cleanup_x509_ __attribute__((cleanup(cleanup_x509)))
#define _cleanup_x509_list_ __attribute__((cleanup(cleanup_x509_list)))
#define _cleanup_bio_ __attribute__((cleanup(cleanup_bio)))

/* "WHAT: OpenSSL's own text" as ERR_IO. Its queue of errors is empty afterwards. Returns -1. */
int x509_error(struct err *err, const char *what);
/* All certificates of the text, in its order; keys and other blocks are passed over. NULL with an error when there is
 * none or one cannot be read. */
STACK_OF(X509) * x509_read_all(const char *pem, const char *what, struct err *err);
int x509_write(BIO *bio, X509 *cert, const char *what, struct err *err);
/* The first private key of the text, which must not be encrypted. */
EVP_PKEY *x509_read_key(const char *pem, const char *what, struct err *err);
bool x509_has_key(X509 *cert, EVP_PKEY *key);
/* "CN=x,O=y" (RFC 2253). The caller frees it. */
char *x509_subject(const X509 *cert);
char *x509_issuer(const X509 *cert);
/* Its DNS names (subjectAltName), "a, b"; "" when there are none. The caller frees it. */
char *x509_names(const X509 *cert);
/* Whether it is for that name; "*.x" means all names directly below x. What the subject says does not count. */
bool x509_is_for(X509 *cert, const char *name);
/* "AB:CD:...", of its SHA-256. The caller frees it. */
char *x509_fingerprint(const X509 *cert);
/* Seconds since 1970. */
int64_t x509_begins(const X509 *cert);
int64_t x509_ends(const X509 *cert);
/* Whole days from `now` until its end; negative: since then. */
int64_t x509_days_left(const X509 *cert, time_t now);
/* The day, UTC. */
void x509_date(char out[X509_DATE], int64_t at);
