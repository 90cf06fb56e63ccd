/* The site's own certificate: what is taken, in which order, what is refused with which words, what the status says. */
#include "agentfix.h"
#include "target/agent/ca.h"
#include "target/agent/render.h"
#include "target/agent/site.h"
#include "target/agent/status.h"
#include <openssl/rsa.h>

#define EPOCH 1763900000
#define DAY 86400
#define NAMES "DNS:kiln.internal,DNS:*.kiln.internal"

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};
struct want {
	const char *subject, *names; /* names NULL: a CA */
	const struct pair *issuer;   /* NULL: itself */
	int from, to;		     /* days */
	unsigned rsa;		     /* bits; 0: P-256 */
	const char *usage;	     /* extendedKeyUsage */
};

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static struct pair issue(struct fix *f, const struct want *w)
{
	static long serial = 1;
	struct pair p = {w->rsa ? EVP_RSA_gen(w->rsa) : EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(p.cert);
	assert_int_equal(X509_set_version(p.cert, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w->subject, -1, -1, 0);
	X509_set_issuer_name(p.cert, w->issuer ? X509_get_subject_name(w->issuer->cert) : name);
	X509_set_pubkey(p.cert, p.key);
	ASN1_TIME_set(X509_getm_notBefore(p.cert), f->a.now + (time_t)w->from * DAY);
	ASN1_TIME_set(X509_getm_notAfter(p.cert), f->a.now + (time_t)w->to * DAY);
	if (w->names && *w->names)
		extend(p.cert, NID_subject_alt_name, w->names);
	if (!w->names)
		extend(p.cert, NID_basic_constraints, "critical,CA:TRUE");
	if (w->usage)
		extend(p.cert, NID_ext_key_usage, w->usage);
	assert_true(X509_sign(p.cert, w->issuer ? w->issuer->key : p.key, EVP_sha256()) > 0);
	return p;
}

static void pair_release(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}
#define _cleanup_pair_ __attribute__((cleanup(pair_release)))

static char *text_of(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	char *text = xstrndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static char *cert_pem(const struct pair *p)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, p->cert);
	return text_of(bio);
}

static char *key_pem(const struct pair *p, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PKCS8PrivateKey(bio, p->key, password ? EVP_aes_128_cbc() : NULL, password,
		password ? (int)strlen(password) : 0, NULL, NULL);
	return text_of(bio);
}

static void put(struct fix *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(f->dir, name);
	assert_works(path_write(path, text, strlen(text), 0600, &f->err), f);
}

/* Certificates of the pairs, in that order, as the file NAME. */
static void put_certs(struct fix *f, const char *name, const struct pair *const *pairs)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (; *pairs; pairs++) {
		_cleanup_free_ char *pem = cert_pem(*pairs);
		strbuf_adds(&b, pem);
	}
	put(f, name, strbuf_cstr(&b));
}
#define PUT_CERTS(f, name, ...) put_certs(f, name, (const struct pair *const[]){__VA_ARGS__, NULL})

static void put_key(struct fix *f, const char *name, const struct pair *p)
{
	_cleanup_free_ char *pem = key_pem(p, NULL);
	put(f, name, pem);
}

static int compose(struct fix *f, const char *cert, const char *key, struct strbuf *content)
{
	_cleanup_free_ char *c = path_join(f->dir, cert), *k = path_join(f->dir, key);
	return site_compose(&f->a, c, k, content, &f->err);
}

/* As `certificate install` does it, without containers that run. */
static void install(struct fix *f, const char *cert, const char *key)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
	assert_works(compose(f, cert, key, &content), f);
	_cleanup_free_ char *path = site_path(&f->a);
	assert_works(agent_write(path, content.s, content.len, 0600, &f->err), f);
}

/* "@" in the texts is the scratch directory. */
static void refused(struct fix *f, const char *cert, const char *key, const char *msg, const char *hint)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT, want = STRBUF_INIT;
	for (const char *p = msg; *p; p++)
		*p == '@' ? strbuf_adds(&want, f->dir) : strbuf_addc(&want, *p);
	strbuf_addc(&want, '|');
	for (const char *p = hint ? hint : ""; *p; p++)
		*p == '@' ? strbuf_adds(&want, f->dir) : strbuf_addc(&want, *p);
	assert_int_equal(compose(f, cert, key, &content), -1);
	_cleanup_free_ char *got = xasprintf("%s|%s", f->err.msg, f->err.hint ? f->err.hint : "");
	assert_string_equal(got, want.s);
	assert_int_equal(content.len, 0);
	err_release(&f->err);
}

static void make(struct fix *f)
{
	fix_sample(f);
	f->a.now = EPOCH + 10 * DAY;
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
}

/* A CA of the site with one below it, and a certificate for the front door. */
struct chain {
	struct pair root, inter, leaf;
};
static void chain_make(struct fix *f, struct chain *c)
{
	c->root = issue(f, &(struct want){"Site Root", .to = 3650});
	c->inter = issue(f, &(struct want){"Site Issuing CA", .issuer = &c->root, .to = 1000});
	c->leaf = issue(f, &(struct want){"kiln.internal", NAMES, &c->inter, .from = -1, .to = 89});
	put_key(f, "tls.key", &c->leaf);
}
static void chain_release(struct chain *c)
{
	pair_release(&c->root);
	pair_release(&c->inter);
	pair_release(&c->leaf);
}
#define _cleanup_chain_ __attribute__((cleanup(chain_release)))

static void any_order(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	chain_make(f, &c);
	_cleanup_pair_ struct pair stray = issue(f, &(struct want){"Stray", .to = 10});
	_cleanup_free_ char *key = key_pem(&c.leaf, NULL), *leaf = cert_pem(&c.leaf), *inter = cert_pem(&c.inter),
			    *root = cert_pem(&c.root);
	_cleanup_free_ char *want = xasprintf("%s%s%s%s", key, leaf, inter, root);
	PUT_CERTS(f, "a.crt", &c.leaf, &c.inter, &c.root);
	PUT_CERTS(f, "b.crt", &c.root, &stray, &c.inter, &c.leaf, &c.leaf);
	put(f, "both.pem", want);
	static const char *const files[][2] = {{"a.crt", "tls.key"}, {"b.crt", "tls.key"}, {"both.pem", "both.pem"}};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
		assert_works(compose(f, files[i][0], files[i][1], &content), f);
		assert_string_equal(content.s, want);
	}
}

/* What the front door gets, what containers trust, what the status says; and all of it back. */
static void installed(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	chain_make(f, &c);
	PUT_CERTS(f, "all.crt", &c.leaf, &c.inter, &c.root);
	const struct container *front = machine_container(&f->a.m, "front");
	assert_works(render_container(&f->a, front, &f->err), f);
	assert_works(render_ca(&f->a, &f->err), f);
	_cleanup_free_ char *own_tls = fix_file(f, "run/files/front/etc/front/tls.pem"),
			    *own_ca = fix_file(f, "run/ca.crt");
	install(f, "all.crt", "tls.key");
	assert_int_equal(fix_mode(f, "state/site.pem"), 0600);
	assert_int_equal(render_container(&f->a, front, &f->err), 1);
	assert_int_equal(render_ca(&f->a, &f->err), 1);
	_cleanup_free_ char *leaf = cert_pem(&c.leaf), *inter = cert_pem(&c.inter), *root = cert_pem(&c.root),
			    *key = key_pem(&c.leaf, NULL), *tls = fix_file(f, "run/files/front/etc/front/tls.pem"),
			    *ca = fix_file(f, "run/ca.crt");
	_cleanup_free_ char *want_tls = xasprintf("%s%s%s", leaf, inter, key),
			    *want_ca = xasprintf("%s%s", own_ca, root);
	assert_string_equal(tls, want_tls);
	assert_string_equal(ca, want_ca);
	_cleanup_json_ json_t *status = json_object();
	status_details(&f->a, status);
	const json_t *first = json_array_get(json_object_get(status, "certificates"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "id")), "site");
	assert_int_equal(json_integer_value(json_object_get(first, "days")), 89);
	/* The appliance's own goes on being renewed, and is there at once when the other one goes. */
	_cleanup_free_ char *path = site_path(&f->a);
	unlink(path);
	assert_int_equal(render_container(&f->a, front, &f->err), 1);
	assert_int_equal(render_ca(&f->a, &f->err), 1);
	_cleanup_free_ char *again_tls = fix_file(f, "run/files/front/etc/front/tls.pem"),
			    *again = fix_file(f, "run/ca.crt");
	assert_string_equal(again_tls, own_tls);
	assert_string_equal(again, own_ca);
}

/* A certificate that signed itself is its own root; it is served and trusted. */
static void self_signed(void **state)
{
	struct fix *f = *state;
	make(f);
	_cleanup_pair_ struct pair one = issue(f, &(struct want){"kiln.internal", NAMES, .to = 89, .rsa = 2048});
	PUT_CERTS(f, "one.crt", &one);
	put_key(f, "tls.key", &one);
	install(f, "one.crt", "tls.key");
	_cleanup_site_ struct site s = {0};
	_cleanup_free_ char *pem = cert_pem(&one);
	assert_int_equal(site_read(&f->a, &s, &f->err), 1);
	assert_string_equal(s.served, pem);
	assert_string_equal(s.root, pem);
}

/* As ACME clients leave them, without the root: that of the present file counts. */
static void renewed(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	chain_make(f, &c);
	PUT_CERTS(f, "all.crt", &c.leaf, &c.inter, &c.root);
	PUT_CERTS(f, "fullchain.pem", &c.leaf, &c.inter);
	refused(f, "fullchain.pem", "tls.key",
		"@/fullchain.pem: \"CN=Site Issuing CA\" is issued by \"CN=Site Root\", which is not in the file",
		"append the certificates of those who issued it, up to the root, to @/fullchain.pem");
	install(f, "all.crt", "tls.key");
	_cleanup_pair_ struct pair next = issue(f, &(struct want){"kiln.internal", NAMES, &c.inter, .to = 90});
	PUT_CERTS(f, "fullchain.pem", &next, &c.inter);
	put_key(f, "next.key", &next);
	install(f, "fullchain.pem", "next.key");
	_cleanup_site_ struct site s = {0};
	_cleanup_free_ char *root = cert_pem(&c.root);
	assert_int_equal(site_read(&f->a, &s, &f->err), 1);
	assert_int_equal(sk_X509_num(s.chain), 3);
	assert_string_equal(s.root, root);
}

static void refusals(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	chain_make(f, &c);
	PUT_CERTS(f, "all.crt", &c.leaf, &c.inter, &c.root);
	refused(f, "no.crt", "tls.key", "open @/no.crt: No such file or directory", NULL);
	put(f, "x.pfx", "0\x82\x01");
	refused(f, "x.pfx", "tls.key", "@/x.pfx: not PEM, which is text with lines -----BEGIN ...-----",
		"of a PKCS#12 file (.pfx, .p12): openssl pkcs12 -in @/x.pfx -nodes -out site.pem; site.pem is then "
		"both "
		"CERT and KEY");
	refused(f, "all.crt", "all.crt", "@/all.crt: no private key in it", NULL);
	refused(f, "tls.key", "tls.key", "@/tls.key: no certificate in it", NULL);
	_cleanup_free_ char *encrypted = key_pem(&c.leaf, "secret");
	put(f, "locked.key", encrypted);
	refused(f, "all.crt", "locked.key",
		"@/locked.key: the key is encrypted, and nobody types its password when the machine starts",
		"openssl pkey -in @/locked.key -out plain.key");
	put_key(f, "root.key", &c.inter);
	PUT_CERTS(f, "leaf.crt", &c.leaf, &c.root);
	refused(f, "leaf.crt", "root.key", "@/leaf.crt: the key in @/root.key belongs to no certificate in it", NULL);
	refused(f, "leaf.crt", "tls.key",
		"@/leaf.crt: \"CN=kiln.internal\" is issued by \"CN=Site Issuing CA\", which is not in the file",
		"append the certificates of those who issued it, up to the root, to @/leaf.crt");
	put(f, "torn.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
	assert_int_equal(compose(f, "torn.crt", "tls.key", &content), -1);
	assert_non_null(strstr(f->err.msg, "/torn.crt: error:"));
	err_release(&f->err);
	put(f, "torn.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
	assert_int_equal(compose(f, "all.crt", "torn.key", &content), -1);
	assert_non_null(strstr(f->err.msg, "/torn.key: error:"));
	err_release(&f->err);
	_cleanup_free_ char *path = site_path(&f->a);
	assert_false(path_exists(path));
}

static void not_fit(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	chain_make(f, &c);
	_cleanup_pair_ struct pair old_ca = issue(f, &(struct want){"Old CA", .issuer = &c.root, .from = -9, .to = -1});
	const struct {
		struct want want;
		const char *msg;
	} bad[] = {
		{{"x", NAMES, &c.inter, .from = -90, .to = -1},
			"the certificate ended on 2025-12-02; this machine has 2025-12-03"},
		{{"x", NAMES, &c.inter, .from = 1, .to = 90},
			"the certificate begins on 2025-12-04; this machine has 2025-12-03"},
		{{"x", "DNS:kiln.internal,DNS:www.kiln.internal", &c.inter, .from = -1, .to = 90},
			"the certificate is not for *.kiln.internal; its names: kiln.internal, www.kiln.internal"},
		{{"x", "DNS:*.kiln.internal", &c.inter, .from = -1, .to = 90},
			"the certificate is not for kiln.internal; its names: *.kiln.internal"},
		{{"kiln.internal", "", &c.inter, .from = -1, .to = 90},
			"the certificate is not for kiln.internal; its names: none"},
		{{"x", NAMES, &c.inter, .from = -1, .to = 90, .usage = "clientAuth"},
			"\"CN=x\": unsuitable certificate purpose"},
		{{"x", NAMES, &c.inter, .from = -1, .to = 90, .rsa = 1024}, "\"CN=x\": EE certificate key too weak"},
		{{"x", NAMES, &old_ca, .from = -1, .to = 90}, "\"CN=Old CA\": certificate has expired"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_pair_ struct pair p = issue(f, &bad[i].want);
		_cleanup_free_ char *want = xasprintf("@/bad.crt: %s", bad[i].msg);
		PUT_CERTS(f, "bad.crt", &p, &c.inter, &old_ca, &c.root);
		put_key(f, "bad.key", &p);
		refused(f, "bad.crt", "bad.key", want, NULL);
	}
}

static void nobody_serves_it(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	fix_machine(f,
		"{\"kiln\":1,\"name\":\"t\",\"domain\":\"kiln.internal\",\"epoch\":1763900000,\"network\":{"
		"\"name\":\"kiln\",\"bridge\":\"kiln0\",\"subnet\":\"127.0.0.0/24\"},\"secrets\":["
		"{\"id\":\"mail/tls\",\"certificate\":{\"names\":[\"mail.${fact:domain}\"],\"containers\":[]}}]}");
	f->a.now = EPOCH + 10 * DAY;
	chain_make(f, &c);
	PUT_CERTS(f, "all.crt", &c.leaf, &c.inter, &c.root);
	refused(f, "all.crt", "tls.key", "no service of this appliance serves a certificate of the site's own", NULL);
}

static void assert_problem(struct fix *f, const char *want)
{
	_cleanup_json_ json_t *list = json_array();
	site_problems(&f->a, list);
	assert_int_equal(json_array_size(list), want != NULL);
	if (want)
		assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "why")), want);
}

/* Two weeks before its end the status says so; afterwards it is still served: what else, nobody has said. */
static void ends(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	assert_problem(f, NULL);
	chain_make(f, &c);
	PUT_CERTS(f, "all.crt", &c.leaf, &c.inter, &c.root);
	install(f, "all.crt", "tls.key");
	assert_problem(f, NULL);
	f->a.now += 75 * DAY;
	assert_problem(f, NULL);
	f->a.now += DAY;
	assert_problem(f, "the site's certificate ends on 2026-03-02");
	f->a.now += 14 * DAY;
	assert_problem(f, "the site's certificate ended on 2026-03-02");
	_cleanup_site_ struct site s = {0};
	assert_int_equal(site_read(&f->a, &s, &f->err), 1);
	/* One for a week is not always near its end. */
	f->a.now = EPOCH + 10 * DAY;
	_cleanup_pair_ struct pair week = issue(f, &(struct want){"kiln.internal", NAMES, &c.inter, .to = 7});
	PUT_CERTS(f, "week.crt", &week, &c.inter, &c.root);
	put_key(f, "week.key", &week);
	install(f, "week.crt", "week.key");
	assert_problem(f, NULL);
	f->a.now += 5 * DAY;
	assert_problem(f, "the site's certificate ends on 2025-12-10");
}

/* Somebody edited the file: the front door has the appliance's own, the status says why. */
static void damaged(void **state)
{
	struct fix *f = *state;
	_cleanup_chain_ struct chain c;
	make(f);
	const struct container *front = machine_container(&f->a.m, "front");
	assert_works(render_container(&f->a, front, &f->err), f);
	chain_make(f, &c);
	_cleanup_free_ char *own = fix_file(f, "run/files/front/etc/front/tls.pem"), *path = site_path(&f->a);
	_cleanup_free_ char *root = cert_pem(&c.root), *key = key_pem(&c.leaf, NULL);
	_cleanup_free_ char *wrong = xasprintf("%s%s", key, root);
	const struct {
		const char *text, *why;
	} bad[] = {
		{"nothing\n", "no certificate in it"},
		{wrong, "its key is not that of its first certificate"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *why = xasprintf("%s: %s; the appliance's own is served", path, bad[i].why);
		put(f, "state/site.pem", bad[i].text);
		assert_int_equal(render_container(&f->a, front, &f->err), 0);
		_cleanup_free_ char *is = fix_file(f, "run/files/front/etc/front/tls.pem");
		assert_string_equal(is, own);
		assert_works(render_ca(&f->a, &f->err), f);
		assert_problem(f, why);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {TEST(any_order), TEST(installed), TEST(self_signed), TEST(renewed),
		TEST(refusals), TEST(not_fit), TEST(nobody_serves_it), TEST(ends), TEST(damaged)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
