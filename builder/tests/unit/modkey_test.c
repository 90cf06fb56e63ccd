/* The key that signs modules: what is taken, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "config/modkey.h"
#include <cmocka.h>
#include <openssl/pem.h>

static char *key_text(EVP_PKEY *key, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
				 bio, key, password ? EVP_aes_256_cbc() : NULL, password, password ? 4 : 0, NULL, NULL),
		1);
	long n = BIO_get_mem_data(bio, &data);
	char *text = xstrndup(data, (size_t)n);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return text;
}

static char *made(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char *pem = modkey_make(&err);
	assert_non_null(pem);
	return pem;
}

/* Its second part. */
static const char *certificate(const char *pem)
{
	const char *at = strstr(pem, "-----BEGIN CERTIFICATE-----");
	assert_non_null(at);
	return at;
}

static void refused(const char *key, const char *cert, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *both = xasprintf("%s%s", key, cert);
	assert_int_equal(modkey_check(both, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.msg, want);
}

static void new_ones_are_taken(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *a = made(), *b = made();
	_cleanup_strbuf_ struct strbuf der = STRBUF_INIT;
	(void)state;
	assert_int_equal(modkey_check(a, &err), 0);
	assert_string_not_equal(a, b);
	_cleanup_free_ char *turned = xasprintf("%s%.*s", certificate(a), (int)(certificate(a) - a), a);
	assert_int_equal(modkey_check(turned, &err), 0);

	assert_int_equal(modkey_certificate(a, &der, &err), 0);
	const unsigned char *p = (const unsigned char *)der.s;
	X509 *cert = d2i_X509(NULL, &p, (long)der.len);
	assert_non_null(cert);
	assert_ptr_equal(p, der.s + der.len);
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
	X509_free(cert);
}

static void others_are_refused(void **state)
{
	_cleanup_free_ char *a = made(), *b = made();
	_cleanup_free_ char *locked = key_text(EVP_RSA_gen(2048), "pass"), *own = key_text(EVP_RSA_gen(2048), NULL);
	(void)state;
	refused("", "", "there is no private key in it, as PEM without a passphrase");
	refused("", certificate(a), "there is no private key in it, as PEM without a passphrase");
	refused(locked, certificate(a), "there is no private key in it, as PEM without a passphrase");
	refused(own, "", "there is no certificate in it, as PEM");
	refused(own, certificate(b), "its certificate is of another key");
}

/* With a certificate of its own, made as for a good one. */
static char *signed_by(EVP_PKEY *key)
{
	_cleanup_free_ char *pem = made();
	BIO *in = BIO_new_mem_buf(certificate(pem), -1), *out = BIO_new(BIO_s_mem());
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	char *data;
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(out, cert), 1);
	long n = BIO_get_mem_data(out, &data);
	char *text = xstrndup(data, (size_t)n);
	X509_free(cert);
	BIO_free(in);
	BIO_free(out);
	return text;
}

static void weak_and_varying_ones_are_refused(void **state)
{
	static const char want[] = "expected a key of RSA with 2048 bits or more";
	EVP_PKEY *curve = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
	_cleanup_free_ char *curve_cert = signed_by(curve), *small_cert = signed_by(small);
	_cleanup_free_ char *curve_key = key_text(curve, NULL), *small_key = key_text(small, NULL);
	(void)state;
	refused(curve_key, curve_cert, want);
	refused(small_key, small_cert, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ones_are_taken),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(weak_and_varying_ones_are_refused),
	};
	return cmocka_run_group_tests_name("key of modules", tests, NULL, NULL);
}
