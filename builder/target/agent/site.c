#include "target/agent/site.h"
#include "base/json.h"
#include "base/path.h"

#define SOON_DAYS 14
#define BEGIN_CERT "-----BEGIN CERTIFICATE-----"

void site_release(struct site *s)
{
	if (s->key)
		explicit_bzero(s->key, strlen(s->key));
	free(s->key);
	free(s->served);
	free(s->root);
	sk_X509_pop_free(s->chain, X509_free);
	*s = (struct site){0};
}

char *site_path(const struct agent *a)
{
	return path_join(a->state, "site.pem");
}

/* The last certificate is the root; a single one is its own. */
static void split(struct site *s, const char *pem)
{
	const char *first = strstr(pem, BEGIN_CERT), *last = first;
	for (const char *p = first; p; p = strstr(p + 1, BEGIN_CERT))
		last = p;
	s->key = xstrndup(pem, (size_t)(first - pem));
	s->served = last == first ? xstrdup(first) : xstrndup(first, (size_t)(last - first));
	s->root = xstrdup(last);
}

static int parse(struct site *s, const char *pem, const char *path, struct err *err)
{
	s->chain = x509_read_all(pem, path, err);
	if (!s->chain)
		return -1;
	if (!strstr(pem, BEGIN_CERT))
		return err_set(err, ERR_VERIFY, "%s: not as kiln-agent writes it", path);
	split(s, pem);
	_cleanup_pkey_ EVP_PKEY *key = x509_read_key(s->key, path, err);
	if (!key)
		return -1;
	return x509_has_key(sk_X509_value(s->chain, 0), key)
		       ? 1
		       : err_set(err, ERR_VERIFY, "%s: its key is not that of its first certificate", path);
}

int site_read(const struct agent *a, struct site *s, struct err *err)
{
	size_t len;
	_cleanup_free_ char *path = site_path(a);
	*s = (struct site){0};
	if (!path_exists(path))
		return 0;
	char *pem = path_read(path, X509_PEM_MAX, &len, err);
	int r = pem ? parse(s, pem, path, err) : -1;
	if (pem)
		explicit_bzero(pem, len);
	free(pem);
	if (r < 0)
		site_release(s);
	return r;
}

char *site_trust(const struct agent *a, struct err *err)
{
	_cleanup_free_ char *path = path_join(a->state, "ca/cert.pem"), *own = path_read(path, X509_PEM_MAX, NULL, err);
	_cleanup_err_ struct err ignored = ERR_INIT; /* the status says it */
	_cleanup_site_ struct site s = {0};
	if (!own)
		return NULL;
	return site_read(a, &s, &ignored) > 0 ? xasprintf("%s%s", own, s.root) : steal(own);
}

void site_problems(const struct agent *a, json_t *list)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_site_ struct site s = {0};
	_cleanup_free_ char *why = NULL;
	int r = site_read(a, &s, &err);
	if (r < 0)
		why = xasprintf("%s; the appliance's own is served", err.msg);
	if (r > 0) {
		const X509 *cert = sk_X509_value(s.chain, 0);
		int64_t left = x509_ends(cert) - (int64_t)agent_time(a), life = x509_ends(cert) - x509_begins(cert);
		char date[X509_DATE];
		x509_date(date, x509_ends(cert));
		if (left < 0)
			why = xasprintf("the site's certificate ended on %s", date);
		else if (left < SOON_DAYS * X509_DAY && left < life / 3)
			why = xasprintf("the site's certificate ends on %s", date);
	}
	if (why) {
		_cleanup_json_ json_t *text = json_string(why);
		json_array_append_new(
			list, json_pack("{s:s, s:O}", "what", "certificate", "why", text ? text : json_null()));
	}
}
