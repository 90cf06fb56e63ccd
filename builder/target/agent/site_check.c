/* What a person brings, checked before it takes the place of what works. */
#include "base/path.h"
#include "target/agent/site.h"
#include "target/agent/text.h"
#include <openssl/err.h>

static void cleanup_store(X509_STORE **s)
{
	X509_STORE_free(*s);
}
static void cleanup_ctx(X509_STORE_CTX **c)
{
	X509_STORE_CTX_free(*c);
}

static void cleanup_wiped(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
}
#define _cleanup_wiped_ __attribute__((cleanup(cleanup_wiped)))

static char *read_pem(const char *path, struct err *err)
{
	_cleanup_wiped_ char *pem = path_read(path, X509_PEM_MAX, NULL, err);
	if (!pem || strstr(pem, "-----BEGIN "))
		return steal(pem);
	err_set(err, ERR_VERIFY, "%s: not PEM, which is text with lines -----BEGIN ...-----", path);
	err_hint(err,
		"of a PKCS#12 file (.pfx, .p12): openssl pkcs12 -in %s -nodes -out site.pem; site.pem is then both "
		"CERT "
		"and KEY",
		path);
	return NULL;
}

static EVP_PKEY *find_key(const char *pem, const char *path, struct err *err)
{
	if (strstr(pem, "ENCRYPTED")) {
		err_set(err, ERR_VERIFY,
			"%s: the key is encrypted, and nobody types its password when the machine starts", path);
		err_hint(err, "openssl pkey -in %s -out plain.key", path);
		return NULL;
	}
	if (strstr(pem, "PRIVATE KEY-----"))
		return x509_read_key(pem, path, err);
	err_set(err, ERR_VERIFY, "%s: no private key in it", path);
	return NULL;
}

static X509 *find_leaf(const STACK_OF(X509) * list, EVP_PKEY *key)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		if (x509_has_key(sk_X509_value(list, i), key))
			return sk_X509_value(list, i);
	return NULL;
}

static int check_life(const struct agent *a, const X509 *cert, const char *path, struct err *err)
{
	char date[X509_DATE], today[X509_DATE];
	int64_t now = (int64_t)agent_time(a);
	x509_date(today, now);
	if (now > x509_ends(cert)) {
		x509_date(date, x509_ends(cert));
		return err_set(
			err, ERR_VERIFY, "%s: the certificate ended on %s; this machine has %s", path, date, today);
	}
	if (now < x509_begins(cert)) {
		x509_date(date, x509_begins(cert));
		return err_set(
			err, ERR_VERIFY, "%s: the certificate begins on %s; this machine has %s", path, date, today);
	}
	return 0;
}

/* The names under which services serve it. */
static int check_names(const struct agent *a, X509 *cert, const char *path, struct err *err)
{
	bool any = false;
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		const struct secret *s = &a->m.secrets[i];
		for (const char *const *n = s->site ? s->names : NULL; n && *n; n++) {
			_cleanup_free_ char *name = NULL, *has = NULL;
			if (text_resolve(a, *n, NULL, &name, err) < 0)
				return -1;
			any = true;
			if (x509_is_for(cert, name))
				continue;
			has = x509_names(cert);
			return err_set(err, ERR_VERIFY, "%s: the certificate is not for %s; its names: %s", path, name,
				*has ? has : "none");
		}
	}
	return any ? 0
		   : err_set(err, ERR_CONFIG, "no service of this appliance serves a certificate of the site's own");
}

static bool add_roots(X509_STORE *store, const STACK_OF(X509) * list)
{
	bool ok = true;
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_self_signed(sk_X509_value(list, i), 0) == 1)
			ok = ok && X509_STORE_add_cert(store, sk_X509_value(list, i));
	return ok;
}

static int chain_error(X509_STORE_CTX *ctx, const char *path, struct err *err)
{
	int why = X509_STORE_CTX_get_error(ctx);
	const X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	_cleanup_free_ char *subject = at ? x509_subject(at) : xstrdup("?"),
			    *issuer = at ? x509_issuer(at) : xstrdup("?");
	if (why != X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT && why != X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY &&
		why != X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
		return err_set(err, ERR_VERIFY, "%s: \"%s\": %s", path, subject, X509_verify_cert_error_string(why));
	err_set(err, ERR_VERIFY, "%s: \"%s\" is issued by \"%s\", which is not in the file", path, subject, issuer);
	return err_hint(err, "append the certificates of those who issued it, up to the root, to %s", path);
}

/*
 * From the certificate to its root, as a server is verified; with Debian's level of security, since a front door would
 * not start with less.
 */
static STACK_OF(X509) * find_chain(const struct agent *a, const struct site *had, X509 *leaf, STACK_OF(X509) * list,
				const char *path, struct err *err)
{
	__attribute__((cleanup(cleanup_store))) X509_STORE *store = X509_STORE_new();
	__attribute__((cleanup(cleanup_ctx))) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	if (!store || !ctx || !add_roots(store, list) || !add_roots(store, had->chain) ||
		!X509_STORE_CTX_init(ctx, store, leaf, list)) {
		x509_error(err, path);
		return NULL;
	}
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, agent_time(a));
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	int good = X509_verify_cert(ctx);
	ERR_clear_error();
	if (good == 1)
		return X509_STORE_CTX_get1_chain(ctx);
	chain_error(ctx, path, err);
	return NULL;
}

static int write_all(
	EVP_PKEY *key, const STACK_OF(X509) * chain, const char *path, struct strbuf *content, struct err *err)
{
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return x509_error(err, path);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (x509_write(bio, sk_X509_value(chain, i), path, err) < 0)
			return -1;
	long n = BIO_get_mem_data(bio, &data);
	strbuf_add(content, data, (size_t)n);
	return 0;
}

static int compose(const struct agent *a, const char *certs, EVP_PKEY *key, const char *cert_path, const char *key_path,
	struct strbuf *content, struct err *err)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* what is there and cannot be used is being replaced */
	_cleanup_site_ struct site had = {0};
	_cleanup_x509_list_ STACK_OF(X509) *list = x509_read_all(certs, cert_path, err), *chain = NULL;
	if (!list)
		return -1;
	X509 *leaf = find_leaf(list, key);
	if (!leaf)
		return err_set(
			err, ERR_VERIFY, "%s: the key in %s belongs to no certificate in it", cert_path, key_path);
	if (check_life(a, leaf, cert_path, err) < 0 || check_names(a, leaf, cert_path, err) < 0)
		return -1;
	site_read(a, &had, &ignored);
	chain = find_chain(a, &had, leaf, list, cert_path, err);
	return chain ? write_all(key, chain, cert_path, content, err) : -1;
}

int site_compose(
	const struct agent *a, const char *cert_path, const char *key_path, struct strbuf *content, struct err *err)
{
	_cleanup_wiped_ char *certs = read_pem(cert_path, err), *pem = certs ? read_pem(key_path, err) : NULL;
	_cleanup_pkey_ EVP_PKEY *key = pem ? find_key(pem, key_path, err) : NULL;
	return key ? compose(a, certs, key, cert_path, key_path, content, err) : -1;
}
