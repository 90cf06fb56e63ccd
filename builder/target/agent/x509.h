/* X.509 certificates and keys as PEM (RFC 7468), for what the appliance issues and what a site brings. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <time.h>

#define X509_PEM_MAX (1u << 20)
#define X509_DAY INT64_C(86400)

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
/* Seconds since 1970. */
int64_t x509_begins(const X509 *cert);
int64_t x509_ends(const X509 *cert);
/* Whole days from `now` until its end; negative: since then. */
int64_t x509_days_left(const X509 *cert, time_t now);
