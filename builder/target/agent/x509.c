#include "target/agent/x509.h"
#include <openssl/err.h>

int x509_error(struct err *err, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	ERR_clear_error();
	return err_set(err, ERR_IO, "%s: %s", what, text);
}

STACK_OF(X509) * x509_read_all(const char *pem, const char *what, struct err *err)
{
	_cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509) *list = sk_X509_new_null();
	X509 *cert;
	while (bio && list && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (sk_X509_push(list, cert) <= 0) {
			X509_free(cert);
			break;
		}
	/* The end of the text is an error, too: that it has no further block. */
	unsigned long last = ERR_peek_last_error();
	bool end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
	if (list && end && sk_X509_num(list)) {
		ERR_clear_error();
		return list;
	}
	if (end || !last) {
		ERR_clear_error();
		err_set(err, ERR_IO, "%s: no certificate in it", what);
	} else {
		x509_error(err, what);
	}
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

int x509_write(BIO *bio, X509 *cert, const char *what, struct err *err)
{
	return PEM_write_bio_X509(bio, cert) ? 0 : x509_error(err, what);
}

static int64_t to_seconds(const ASN1_TIME *t)
{
	struct tm tm;
	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

int64_t x509_begins(const X509 *cert)
{
	return to_seconds(X509_get0_notBefore(cert));
}

int64_t x509_ends(const X509 *cert)
{
	return to_seconds(X509_get0_notAfter(cert));
}

int64_t x509_days_left(const X509 *cert, time_t now)
{
	int64_t left = x509_ends(cert) - (int64_t)now;
	return left >= 0 ? left / X509_DAY : -((-left + X509_DAY - 1) / X509_DAY);
}
