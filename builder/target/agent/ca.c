#include "target/agent/ca.h"
#include "base/path.h"
#include "target/agent/text.h"
#include "target/agent/x509.h"

#define PEM_MAX X509_PEM_MAX
#define DAY X509_DAY

static EVP_PKEY *read_key(const char *path, struct err *err)
{
	size_t len;
	char *pem = path_read(path, PEM_MAX, &len, err);
	if (!pem)
		return NULL;
	EVP_PKEY *key = x509_read_key(pem, path, err);
	explicit_bzero(pem, len);
	free(pem);
	return key;
}

static X509 *read_cert(const char *path, struct err *err)
{
	size_t len;
	_cleanup_free_ char *pem = path_read(path, PEM_MAX, &len, err);
	if (!pem)
		return NULL;
	_cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!cert)
		x509_error(err, path);
	return cert;
}

static int write_bio(BIO *bio, const char *path, unsigned mode, struct err *err)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	return agent_write(path, data, (size_t)n, mode, err);
}

/* The key in the file; a new one when there is none. A key is written before anything is signed with it. */
static EVP_PKEY *ensure_key(const char *path, struct err *err)
{
	if (path_exists(path))
		return read_key(path, err);
	_cleanup_pkey_ EVP_PKEY *key = EVP_EC_gen("P-256");
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
	if (!key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
		x509_error(err, path);
		return NULL;
	}
	return write_bio(bio, path, 0600, err) < 0 ? NULL : steal(key);
}

static int write_cert(X509 *cert, const char *path, struct err *err)
{
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
	if (!bio)
		return x509_error(err, path);
	return x509_write(bio, cert, path, err) < 0 ? -1 : write_bio(bio, path, 0644, err);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

/* Version, a random 127-bit serial number, the name, the life, the key. */
static bool fill(X509 *cert, EVP_PKEY *key, const char *name, int64_t from, int64_t to)
{
	BIGNUM *serial = BN_new();
	bool ok = serial && BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert));
	BN_free(serial);
	X509_NAME *subject = X509_NAME_new();
	ok = ok && subject && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key) &&
	     X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
	     X509_set_subject_name(cert, subject) && ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from) &&
	     ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)to);
	X509_NAME_free(subject);
	return ok;
}

static X509 *make_ca(const struct agent *a, EVP_PKEY *key, struct err *err)
{
	_cleanup_x509_ X509 *cert = X509_new();
	/* Each appliance's CA has a name of its own, or clients that trust two of them would confuse them. */
	unsigned char digest[32];
	unsigned n = sizeof digest;
	if (!cert || !X509_set_pubkey(cert, key) || !X509_pubkey_digest(cert, EVP_sha256(), digest, &n)) {
		x509_error(err, "the appliance's CA");
		return NULL;
	}
	_cleanup_free_ char *name = xasprintf("kiln %.24s CA %02x%02x%02x%02x%02x%02x", a->m.name ? a->m.name : "",
		digest[0], digest[1], digest[2], digest[3], digest[4], digest[5]);
	bool ok = fill(cert, key, name, a->m.epoch, a->m.epoch + CA_YEARS * 365 * DAY) &&
		  X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
		  add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
		  add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		  add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
		  add_extension(cert, cert, NID_authority_key_identifier, "keyid:always") &&
		  X509_sign(cert, key, EVP_sha256());
	if (!ok) {
		x509_error(err, "the appliance's CA");
		return NULL;
	}
	return steal(cert);
}

int ca_ensure(const struct agent *a, struct err *err)
{
	_cleanup_free_ char *key_path = path_join(a->state, "ca/key.pem"),
			    *cert_path = path_join(a->state, "ca/cert.pem");
	_cleanup_pkey_ EVP_PKEY *key = ensure_key(key_path, err);
	if (!key)
		return -1;
	if (path_exists(cert_path))
		return 0;
	_cleanup_x509_ X509 *cert = make_ca(a, key, err);
	return cert ? write_cert(cert, cert_path, err) : -1;
}

/* "DNS:a,DNS:b,IP:10.0.0.2": also kept beside the certificate, to notice a change. */
static int alt_names(const struct agent *a, const struct secret *s, char **ret, char **first, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	*first = NULL;
	for (const char *const *n = s->names; *n; n++) {
		_cleanup_free_ char *name = NULL;
		if (text_resolve(a, *n, NULL, &name, err) < 0)
			return -1;
		if (!*name || strcspn(name, ", \t\n:") != strlen(name))
			return err_set(err, ERR_CONFIG, "\"%s\" cannot be a name in a certificate", name);
		strbuf_addf(&b, "%sDNS:%s", b.len ? "," : "", name);
		if (!*first)
			*first = xstrndup(name, 64);
	}
	for (const char *const *n = s->containers; *n; n++) {
		const struct container *c = machine_container(&a->m, *n);
		if (!c)
			return err_set(err, ERR_CONFIG, "no container \"%s\"", *n);
		strbuf_addf(&b, "%sDNS:%s,IP:%s", b.len ? "," : "", c->name, c->address);
		if (!*first)
			*first = xstrdup(c->name);
	}
	if (!b.len)
		return err_set(err, ERR_CONFIG, "a certificate without a name");
	*ret = strbuf_steal(&b);
	return 0;
}

/* Whether the present certificate can stay. Anything unreadable is replaced: certificates are no secrets. */
static bool still_good(const struct agent *a, const char *cert_path, const char *names_path, const char *names)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	if (!path_exists(cert_path) || !path_exists(names_path))
		return false;
	_cleanup_free_ char *had = path_read(names_path, PEM_MAX, NULL, &ignored);
	if (!had || !str_eq(had, names))
		return false;
	_cleanup_x509_ X509 *cert = read_cert(cert_path, &ignored);
	if (!cert)
		return false;
	int64_t from = x509_begins(cert), to = x509_ends(cert);
	int64_t now = (int64_t)agent_time(a);
	return now >= from && now < to - (to - from) / 3;
}

static int issue(const struct agent *a, EVP_PKEY *key, const char *names, const char *first, const char *cert_path,
	struct err *err)
{
	_cleanup_free_ char *ca_key_path = path_join(a->state, "ca/key.pem"),
			    *ca_path = path_join(a->state, "ca/cert.pem");
	_cleanup_pkey_ EVP_PKEY *ca_key = read_key(ca_key_path, err);
	_cleanup_x509_ X509 *ca = ca_key ? read_cert(ca_path, err) : NULL, *cert = X509_new();
	if (!ca)
		return -1;
	/* A day of grace for clocks behind ours, but never before the CA. */
	int64_t now = (int64_t)agent_time(a), from = now - DAY < a->m.epoch ? a->m.epoch : now - DAY;
	bool ok = cert && fill(cert, key, first, from, now + LEAF_DAYS * DAY) &&
		  X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
		  add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
		  add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
		  add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
		  add_extension(cert, ca, NID_subject_alt_name, names) &&
		  add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
		  add_extension(cert, ca, NID_authority_key_identifier, "keyid:always") &&
		  X509_sign(cert, ca_key, EVP_sha256());
	return ok ? write_cert(cert, cert_path, err) : x509_error(err, cert_path);
}

int ca_leaf_ensure(const struct agent *a, const struct secret *s, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/secrets/%s", a->state, s->id);
	_cleanup_free_ char *key_path = path_join(dir, "key.pem"), *cert_path = path_join(dir, "cert.pem"),
			    *names_path = path_join(dir, "names"), *names = NULL, *first = NULL;
	if (alt_names(a, s, &names, &first, err) < 0)
		return -1;
	if (path_exists(key_path) && still_good(a, cert_path, names_path, names))
		return 0;
	_cleanup_pkey_ EVP_PKEY *key = ensure_key(key_path, err);
	if (!key || issue(a, key, names, first, cert_path, err) < 0 ||
		agent_write(names_path, names, strlen(names), 0600, err) < 0)
		return -1;
	return 1;
}

int ca_days_left(const char *path, time_t now, int64_t *days, struct err *err)
{
	_cleanup_x509_ X509 *cert = read_cert(path, err);
	if (!cert)
		return -1;
	*days = x509_days_left(cert, now);
	return 0;
}
