#include "oci/challenge.h"
#include "base/str.h"
#include <string.h>
#include <strings.h>

static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* A token or a quoted string. Returns what follows it, or NULL. */
static const char *parse_value(const char *p, struct strbuf *out)
{
	strbuf_reset(out);
	if (*p != '"') {
		size_t n = strspn(p, token_bytes);
		strbuf_add(out, p, n);
		return n ? p + n : NULL;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return NULL;
		strbuf_addc(out, *p);
	}
	return *p ? p + 1 : NULL;
}

/* NAME=VALUE at p? Returns what follows, or NULL when none is there: then a scheme may be. */
static const char *parse_param(const char *p, struct strbuf *name, struct strbuf *value)
{
	size_t n = strspn(p, token_bytes);

	strbuf_reset(name);
	strbuf_add(name, p, n);
	p = skip_space(p + n);
	if (n == 0 || *p != '=')
		return NULL;
	return parse_value(skip_space(p + 1), value);
}

static void take(char **to, const struct strbuf *value)
{
	free(*to);
	*to = xstrdup(strbuf_cstr(value));
}

void challenge_add(struct challenge *c, const char *field)
{
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT, value = STRBUF_INIT;
	struct challenge got = {0};
	const char *p = skip_space(field);
	bool bearer = false;

	while (p && *p) {
		const char *after = parse_param(p, &name, &value);
		if (after) {
			if (bearer && strcasecmp(strbuf_cstr(&name), "realm") == 0)
				take(&got.realm, &value);
			else if (bearer && strcasecmp(strbuf_cstr(&name), "service") == 0)
				take(&got.service, &value);
		} else {
			size_t n = strspn(p, token_bytes);
			if (n == 0)
				break;
			bearer = n == 6 && strncasecmp(p, "Bearer", n) == 0;
			got.bearer |= bearer;
			got.basic |= n == 5 && strncasecmp(p, "Basic", n) == 0;
			after = p + n;
		}
		p = after + strspn(after, " \t,");
	}
	if (!p || *p || (got.bearer && !got.realm)) {
		challenge_release(&got);
		return;
	}
	c->basic |= got.basic;
	if (got.bearer) {
		free(c->realm);
		free(c->service);
		c->bearer = true;
		c->realm = steal(got.realm);
		c->service = steal(got.service);
	}
	challenge_release(&got);
}

void challenge_release(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	*c = (struct challenge){0};
}
