#include "config/modkey.h"
#include "base/mem.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { KEY_BITS = 2048, KEY_LEAST = 2048 };

struct modkey {
	EVP_PKEY *key;
	X509 *cert;
};

static void release(struct modkey *k)
{
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	ERR_clear_error();
}
#define _cleanup_modkey_ __attribute__((cleanup(release)))

static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int read_pem(const char *pem, struct modkey *ret, struct err *err)
{
	BIO *for_key = BIO_new_mem_buf(pem, -1), *for_cert = BIO_new_mem_buf(pem, -1);

	if (for_key && for_cert) {
		ret->key = PEM_read_bio_PrivateKey(for_key, NULL, no_password, NULL);
		ret->cert = PEM_read_bio_X509(for_cert, NULL, NULL, NULL);
	}
	BIO_free(for_key);
	BIO_free(for_cert);
	if (!ret->key)
		return err_set(err, ERR_CONFIG, "there is no private key in it, as PEM without a passphrase");
	if (!ret->cert)
		return err_set(err, ERR_CONFIG, "there is no certificate in it, as PEM");
	if (X509_check_private_key(ret->cert, ret->key) != 1)
		return err_set(err, ERR_CONFIG, "its certificate is of another key");
	if (EVP_PKEY_get_base_id(ret->key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(ret->key) < KEY_LEAST)
		return err_set(err, ERR_CONFIG, "expected a key of RSA with %d bits or more", KEY_LEAST);
	return 0;
}

int modkey_check(const char *pem, struct err *err)
{
	_cleanup_modkey_ struct modkey k = {0};

	return read_pem(pem, &k, err);
}

static int add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	int ok = ext ? X509_add_ext(cert, ext, -1) : 0;
	X509_EXTENSION_free(ext);
	return ok;
}

/* Its dates are of no clock: the kernel does not look at them, and a certificate is checked where it may be another
 * day.
 */
static bool fill(struct modkey *k)
{
	unsigned char serial[8];
	char name[64];

	if (RAND_bytes(serial, sizeof serial) != 1)
		return false;
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and never short */
	BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
	bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(k->cert));
	BN_free(number);
	snprintf(name, sizeof name, "kiln modules %02x%02x%02x%02x", serial[0], serial[1], serial[2], serial[3]);
	X509_NAME *subject = X509_get_subject_name(k->cert);
	return ok && X509_set_version(k->cert, X509_VERSION_3) == 1 &&
	       ASN1_TIME_set_string_X509(X509_getm_notBefore(k->cert), "20200101000000Z") == 1 &&
	       ASN1_TIME_set_string_X509(X509_getm_notAfter(k->cert), "21200101000000Z") == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (unsigned char *)name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(k->cert, subject) == 1 && X509_set_pubkey(k->cert, k->key) == 1 &&
	       add_extension(k->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(k->cert, NID_key_usage, "digitalSignature") &&
	       add_extension(k->cert, NID_subject_key_identifier, "hash") &&
	       add_extension(k->cert, NID_authority_key_identifier, "keyid") &&
	       X509_sign(k->cert, k->key, EVP_sha256()) > 0;
}

char *modkey_make(struct err *err)
{
	_cleanup_modkey_ struct modkey k = {.key = EVP_RSA_gen(KEY_BITS), .cert = X509_new()};
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL, *data;

	if (bio && k.key && k.cert && fill(&k) &&
		PEM_write_bio_PrivateKey(bio, k.key, NULL, NULL, 0, NULL, NULL) == 1 &&
		PEM_write_bio_X509(bio, k.cert) == 1) {
		long n = BIO_get_mem_data(bio, &data);
		text = xstrndup(data, (size_t)n);
	}
	BIO_free(bio);
	if (!text)
		err_set(err, ERR_TOOL, "make a key for modules: %s", ERR_reason_error_string(ERR_peek_last_error()));
	return text;
}

int modkey_certificate(const char *pem, struct strbuf *ret, struct err *err)
{
	_cleanup_modkey_ struct modkey k = {0};
	unsigned char *der = NULL;

	if (read_pem(pem, &k, err) < 0)
		return -1;
	int n = i2d_X509(k.cert, &der);
	if (n < 0)
		return err_set(err, ERR_TOOL, "write a certificate");
	strbuf_add(ret, (const char *)der, (size_t)n);
	OPENSSL_free(der);
	return 0;
}
