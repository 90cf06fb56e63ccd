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

void x509_date(char out[X509_DATE], int64_t at)
{
	struct tm tm = {0};
	time_t t = (time_t)at;
	gmtime_r(&t, &tm);
	strftime(out, X509_DATE, "%Y-%m-%d", &tm);
}

/* Nobody is there who could type a password. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

EVP_PKEY *x509_read_key(const char *pem, const char *what, struct err *err)
{
	_cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	if (!key)
		x509_error(err, what);
	return key;
}

bool x509_has_key(X509 *cert, EVP_PKEY *key)
{
	bool has = X509_check_private_key(cert, key) == 1;
	ERR_clear_error();
	return has;
}

static char *name_text(const X509_NAME *name)
{
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
		return xstrdup("");
	long n = BIO_get_mem_data(bio, &data);
	return xstrndup(data, (size_t)n);
}

char *x509_subject(const X509 *cert)
{
	return name_text(X509_get_subject_name(cert));
}

char *x509_issuer(const X509 *cert)
{
	return name_text(X509_get_issuer_name(cert));
}

char *x509_names(const X509 *cert)
{
	struct strbuf b = STRBUF_INIT;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	strbuf_adds(&b, "");
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type == GEN_DNS)
			strbuf_addf(&b, "%s%.*s", b.len ? ", " : "", ASN1_STRING_length(n->d.dNSName),
				(const char *)ASN1_STRING_get0_data(n->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	return strbuf_steal(&b);
}

bool x509_is_for(X509 *cert, const char *name)
{
	_cleanup_free_ char *one = *name == '*' ? xasprintf("any%s", name + 1) : xstrdup(name);
	return X509_check_host(cert, one, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
		       NULL) == 1;
}

char *x509_fingerprint(const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "");
	X509_digest(cert, EVP_sha256(), digest, &n);
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(&b, "%s%02X", i ? ":" : "", digest[i]);
	return strbuf_steal(&b);
}
