#include "oci/auth.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "oci/credentials.h"
#include <ctype.h>
#include <string.h>

enum { TOKEN_MAX = 64 << 10, ANSWER_MAX = 1 << 20 };

static void escape(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (isalnum(c) || strchr("-_.~", c))
			strbuf_addc(b, (char)c);
		else
			strbuf_addf(b, "%%%02X", c);
	}
}

static void set_header(struct auth *a, char *header)
{
	if (a->header)
		explicit_bzero(a->header, strlen(a->header));
	free(a->header);
	a->header = header;
}

static char *basic(const struct credentials *c)
{
	_cleanup_free_ char *pair = xasprintf("%s:%s", c->user, c->password);
	struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "Basic ");
	base64_add(&b, pair, strlen(pair));
	explicit_bzero(pair, strlen(pair));
	return strbuf_steal(&b);
}

/* Which challenge it has: asked of the address that every registry answers. */
static int ask(struct auth *a, struct err *err)
{
	_cleanup_free_ char *uri = xasprintf("%s://%s/v2/", a->plain ? "http" : "https", a->host);
	_cleanup_response_ struct response r = {0};

	if (request_send(a->requester, &(struct request){.uri = uri, .max = ANSWER_MAX}, &r, err) < 0)
		return -1;
	if (r.status == 401)
		auth_challenged(a, &r.challenges);
	a->asked = true;
	return 0;
}

void auth_challenged(struct auth *a, const struct strvec *challenges)
{
	a->asked = true;
	challenge_release(&a->wants);
	for (size_t i = 0; i < challenges->n; i++)
		challenge_add(&a->wants, challenges->v[i]);
}

static int refuses(const struct auth *a, bool known, struct err *err)
{
	if (known)
		err_set(err, ERR_NETWORK, "%s refuses the user name or the password, or the user may not read %s",
			a->registry, a->path);
	else
		err_set(err, ERR_NETWORK, "%s wants a user name and a password for %s", a->registry, a->path);
	return err_hint(err, "\"podman login %s\" puts them where kiln finds them", a->registry);
}

static int read_token(struct auth *a, const struct response *r, struct err *err)
{
	json_error_t unused; /* its text would quote the answer */
	_cleanup_json_ json_t *j = json_loadb(r->body, r->len, 0, &unused);
	const char *token = json_string_value(json_object_get(j, "token"));

	if (!token)
		token = json_string_value(json_object_get(j, "access_token"));
	size_t n = token ? strlen(token) : 0;
	for (size_t i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] >= 0x7f)
			n = 0;
	if (n == 0 || n > TOKEN_MAX)
		return err_set(err, ERR_VERIFY, "%s: its token server answers without a token", a->registry);
	set_header(a, xasprintf("Bearer %s", token));
	return 0;
}

static char *token_query(const struct auth *a)
{
	_cleanup_free_ char *scope = xasprintf("repository:%s:pull", a->path);
	struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "scope=");
	escape(&b, scope);
	if (a->wants.service) {
		strbuf_adds(&b, "&service=");
		escape(&b, a->wants.service);
	}
	return strbuf_steal(&b);
}

static char *refresh_form(const struct auth *a, const char *identity)
{
	_cleanup_free_ char *query = token_query(a);
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "grant_type=refresh_token&client_id=kiln&%s&refresh_token=", query);
	escape(&b, identity);
	return strbuf_steal(&b);
}

/* Secrets go to the token server in secret; plain http is for a registry on loopback. */
static int check_realm(const struct auth *a, struct err *err)
{
	const char *realm = a->wants.realm;

	if (!str_starts(realm, "https://") && !(a->plain && str_starts(realm, "http://")))
		return err_set(err, ERR_VERIFY, "%s: the address of its token server is not https:", a->registry);
	for (const char *p = realm; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(err, ERR_VERIFY, "%s: the address of its token server is none", a->registry);
	return 0;
}

static int fetch_token(struct auth *a, const struct credentials *c, bool known, struct err *err)
{
	_cleanup_free_ char *query = token_query(a), *uri = NULL, *login = NULL, *form = NULL, *header = NULL;
	_cleanup_response_ struct response r = {0};
	const char *headers[2] = {0};

	if (check_realm(a, err) < 0)
		return -1;
	if (c->identity_token) {
		uri = xstrdup(a->wants.realm);
		form = refresh_form(a, c->identity_token);
	} else {
		uri = xasprintf("%s%c%s", a->wants.realm, strchr(a->wants.realm, '?') ? '&' : '?', query);
	}
	if (known && !c->identity_token) {
		login = basic(c);
		headers[0] = header = xasprintf("Authorization: %s", login);
	}
	struct request q = {.uri = uri, .headers = headers, .form = form, .max = ANSWER_MAX, .stay = true};
	if (request_send(a->requester, &q, &r, err) < 0)
		return err_wrap(err, "token server of %s", a->registry);
	if (r.status == 401 || r.status == 403)
		return refuses(a, known, err);
	if (r.status != 200)
		return err_set(
			err, ERR_NETWORK, "token server of %s: it answers with HTTP status %ld", a->registry, r.status);
	return read_token(a, &r, err);
}

static int renew(struct auth *a, bool refused, struct err *err)
{
	_cleanup_credentials_ struct credentials c = {0};
	int known;

	if (!a->wants.bearer && !a->wants.basic)
		return refused ? refuses(a, a->header != NULL, err) : 0;
	known = credentials_find(a->registry, a->path, &c, err);
	if (known < 0)
		return -1;
	if (a->wants.bearer)
		return fetch_token(a, &c, known, err);
	if (!known || refused || c.identity_token)
		return refuses(a, known, err);
	set_header(a, basic(&c));
	return 0;
}

int auth_get(struct auth *a, const char *refused, char **ret, struct err *err)
{
	bool was_sent = refused && str_eq(refused, a->header ? a->header : "");

	*ret = NULL;
	if (!a->asked && ask(a, err) < 0)
		return -1;
	/* A password that was refused stays refused; a token is renewed; what was sent without either is tried with it.
	 */
	if ((!a->header || was_sent) && renew(a, was_sent && *refused, err) < 0)
		return -1;
	if (was_sent && str_eq(refused, a->header ? a->header : ""))
		return refuses(a, a->header != NULL, err);
	*ret = a->header ? xstrdup(a->header) : NULL;
	return 0;
}

void auth_release(struct auth *a)
{
	set_header(a, NULL);
	challenge_release(&a->wants);
}
