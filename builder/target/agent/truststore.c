#include "target/agent/truststore.h"
#include "target/agent/x509.h"
#include <openssl/pkcs12.h>

/* Java takes a certificate for trusted only with this attribute, an extended key usage; here any. */
#define TRUSTED_KEY_USAGE "2.16.840.1.113894.746875.1.1"

static void cleanup_bags(STACK_OF(PKCS12_SAFEBAG) * *s)
{
	sk_PKCS12_SAFEBAG_pop_free(*s, PKCS12_SAFEBAG_free);
}
static void cleanup_safes(STACK_OF(PKCS7) * *s)
{
	sk_PKCS7_pop_free(*s, PKCS7_free);
}
static void cleanup_store(PKCS12 **s)
{
	PKCS12_free(*s);
}

static bool add(STACK_OF(PKCS12_SAFEBAG) * *bags, X509 *cert, int number)
{
	_cleanup_free_ char *alias = xasprintf("kiln-%d", number);
	const ASN1_OBJECT *any = OBJ_nid2obj(NID_anyExtendedKeyUsage);
	PKCS12_SAFEBAG *bag = PKCS12_add_cert(bags, cert);
	return bag && PKCS12_add_friendlyname_utf8(bag, alias, -1) &&
	       PKCS12_add1_attr_by_txt(bag, TRUSTED_KEY_USAGE, V_ASN1_OBJECT, (const unsigned char *)any, -1);
}

int truststore_make(const char *pem, struct strbuf *out, struct err *err)
{
	__attribute__((cleanup(cleanup_bags))) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	__attribute__((cleanup(cleanup_safes))) STACK_OF(PKCS7) *safes = NULL;
	__attribute__((cleanup(cleanup_store))) PKCS12 *store = NULL;
	_cleanup_x509_list_ STACK_OF(X509) *list = x509_read_all(pem, "the truststore", err);
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio;
	if (!list)
		return -1;
	for (int i = 0; ok && i < sk_X509_num(list); i++)
		ok = add(&bags, sk_X509_value(list, i), i + 1);
	ok = ok && PKCS12_add_safe(&safes, bags, -1, 0, NULL); /* -1: not encrypted */
	store = ok ? PKCS12_add_safes(safes, 0) : NULL;
	if (!store || !i2d_PKCS12_bio(bio, store))
		return x509_error(err, "the truststore");
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	strbuf_add(out, data, (size_t)n);
	return 0;
}
