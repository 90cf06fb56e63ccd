#include "boot/modsign.h"
#include "base/mem.h"
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char mark[] = "~Module signature appended~\n";
enum { MARK = sizeof mark - 1, NOTE = 12, LENGTH = 8 };
static const unsigned char kind[LENGTH] = {0, 0, 2}; /* CMS, which says the rest itself */

/* Where it is; false: there is none. */
static bool find(const char *module, size_t len, const char **ret, size_t *ret_len)
{
	if (len <= MARK + NOTE || memcmp(module + len - MARK, mark, MARK) != 0)
		return false;
	const unsigned char *note = (const unsigned char *)module + len - MARK - NOTE;
	size_t n = (uint32_t)note[8] << 24 | (uint32_t)note[9] << 16 | (uint32_t)note[10] << 8 | note[11];
	if (memcmp(note, kind, sizeof kind) != 0 || n == 0 || n >= len - MARK - NOTE)
		return false;
	*ret = (const char *)note - n;
	*ret_len = n;
	return true;
}

/* By one signer, as sign-file makes it. */
static bool verify(const char *body, size_t len, const char *signature, size_t signature_len, X509 *certificate)
{
	const unsigned char *p = (const unsigned char *)signature, *end = p + signature_len;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)signature_len);
	STACK_OF(X509) *known = sk_X509_new_null();
	BIO *content = BIO_new_mem_buf(body, (int)len);

	bool good =
		cms && p == end && known && content && sk_X509_push(known, certificate) > 0 &&
		sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 1 &&
		CMS_verify(cms, known, NULL, content, NULL, CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) == 1;
	BIO_free(content);
	sk_X509_free(known);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return good;
}

int modsign_check(const char *module, size_t len, const char *certificate, size_t certificate_len, struct err *err)
{
	const unsigned char *p = (const unsigned char *)certificate;
	const char *signature;
	size_t n;

	if (len > INT32_MAX || !find(module, len, &signature, &n))
		return err_set(err, ERR_TOOL, "there is no signature at its end");
	X509 *cert = d2i_X509(NULL, &p, (long)certificate_len);
	bool good = cert && verify(module, (size_t)(signature - module), signature, n, cert);
	X509_free(cert);
	return good ? 0
		    : err_set(err, ERR_TOOL,
			      "its signature is not by the key of the image's certificate, or of other bytes");
}
