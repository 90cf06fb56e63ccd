/* Signatures of kernel modules: one that is made as sign-file makes it, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "boot/modsign.h"
#include "config/modkey.h"
#include <cmocka.h>
#include <openssl/cms.h>
#include <openssl/pem.h>

#define LINE "~Module signature appended~\n"
static const char none[] = "there is no signature at its end";
static const char other[] = "its signature is not by the key of the image's certificate, or of other bytes";

struct signer {
	EVP_PKEY *key;
	X509 *cert;
	struct strbuf der;
};

static void new_signer(struct signer *s)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *pem = modkey_make(&err);
	assert_non_null(pem);
	assert_int_equal(modkey_certificate(pem, &s->der, &err), 0);
	BIO *key = BIO_new_mem_buf(pem, -1), *cert = BIO_new_mem_buf(pem, -1);
	s->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	s->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	BIO_free(key);
	BIO_free(cert);
	assert_true(s->key && s->cert);
}

static void free_signer(struct signer *s)
{
	EVP_PKEY_free(s->key);
	X509_free(s->cert);
	strbuf_release(&s->der);
}

/* A signature by each of them: none, one or two. */
static void sign(const char *body, size_t len, struct signer **by, struct strbuf *out)
{
	unsigned flags = CMS_BINARY | CMS_NOCERTS | CMS_NOATTR | CMS_NOSMIMECAP;
	BIO *content = BIO_new_mem_buf(body, (int)len);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL | CMS_DETACHED);
	unsigned char *der = NULL;
	assert_true(content && cms);
	for (size_t i = 0; by[i]; i++)
		assert_non_null(CMS_add1_signer(cms, by[i]->cert, by[i]->key, EVP_sha256(), flags));
	if (by[0])
		assert_int_equal(CMS_final(cms, content, NULL, flags), 1);
	int n = i2d_CMS_ContentInfo(cms, &der);
	assert_true(n > 0);
	strbuf_add(out, (const char *)der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
}

/* What follows a signature of that length. */
static void add_end(struct strbuf *b, unsigned third, size_t len)
{
	const char note[12] = {
		0, 0, (char)third, 0, 0, 0, 0, 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
	strbuf_add(b, note, sizeof note);
	strbuf_adds(b, LINE);
}

static void check(const struct strbuf *module, const struct signer *by, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	int r = modsign_check(module->s, module->len, by->der.s, by->der.len, &err);
	if (!want && r < 0)
		fail_msg("%s", err.msg);
	if (!want)
		return;
	assert_int_equal(r, -1);
	assert_int_equal(err.kind, ERR_TOOL);
	assert_string_equal(err.msg, want);
}

static void signatures(void **state)
{
	static const char body[] = "\x7f"
				   "ELF, and so on\0 to the end";
	_cleanup_strbuf_ struct strbuf cms = STRBUF_INIT, module = STRBUF_INIT;
	struct signer a = {.der = STRBUF_INIT}, b = {.der = STRBUF_INIT};
	(void)state;
	new_signer(&a);
	new_signer(&b);
	sign(body, sizeof body, (struct signer *[]){&a, NULL}, &cms);
	strbuf_add(&module, body, sizeof body);
	strbuf_add(&module, cms.s, cms.len);
	add_end(&module, 2, cms.len);
	check(&module, &a, NULL);
	check(&module, &b, other);
	/* Every byte counts, but for those that nobody reads: the key does not say who holds it. */
	size_t wrong = 0, last = sizeof body + cms.len - 256; /* then there is RSA's number */
	for (size_t i = 0; i < module.len; i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		module.s[i] ^= 1;
		int r = modsign_check(module.s, module.len, a.der.s, a.der.len, &err);
		if (r == 0 && (i < sizeof body || i >= last))
			fail_msg("byte %zu of %zu may be another", i, module.len);
		wrong += r < 0;
		module.s[i] ^= 1;
	}
	assert_true(wrong > sizeof body + 256 + 40);
	check(&module, &a, NULL);
	module.len--;
	check(&module, &a, none);
	free_signer(&a);
	free_signer(&b);
}

static void what_is_none(void **state)
{
	static const char body[] = "a module";
	_cleanup_strbuf_ struct strbuf by_none = STRBUF_INIT, by_two = STRBUF_INIT, twice = STRBUF_INIT,
				       m = STRBUF_INIT;
	struct signer a = {.der = STRBUF_INIT}, b = {.der = STRBUF_INIT};
	(void)state;
	new_signer(&a);
	new_signer(&b);
	strbuf_adds(&m, body);
	check(&m, &a, none);
	strbuf_adds(&m, LINE); /* all that was looked for once */
	check(&m, &a, none);
	static const size_t lengths[] = {0, 8, 9, SIZE_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		strbuf_reset(&m);
		strbuf_adds(&m, body);
		add_end(&m, 2, lengths[i]);
		check(&m, &a, none);
	}
	strbuf_reset(&m);
	strbuf_adds(&m, "a module and no CMS");
	add_end(&m, 2, 7);
	check(&m, &a, other);
	sign(body, sizeof body, (struct signer *[]){NULL}, &by_none);
	sign(body, sizeof body, (struct signer *[]){&a, &b, NULL}, &by_two);
	sign(body, sizeof body, (struct signer *[]){&a, &a, NULL}, &twice);
	const struct strbuf *wrong[] = {&by_none, &by_two, &twice};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		strbuf_reset(&m);
		strbuf_add(&m, body, sizeof body);
		strbuf_add(&m, wrong[i]->s, wrong[i]->len);
		add_end(&m, 2, wrong[i]->len);
		check(&m, &a, other);
	}
	/* Another kind, of which the kernel knows none. */
	strbuf_reset(&m);
	strbuf_add(&m, body, sizeof body);
	strbuf_add(&m, by_two.s, by_two.len);
	add_end(&m, 1, by_two.len);
	check(&m, &a, none);
	free_signer(&a);
	free_signer(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(what_is_none),
	};
	return cmocka_run_group_tests_name("signatures of modules", tests, NULL, NULL);
}
