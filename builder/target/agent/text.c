#include "target/agent/text.h"
#include "base/filter.h"
#include "base/path.h"
#include "target/agent/given.h"
#include "target/agent/site.h"
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define VALUE_MAX (1u << 20)
enum { SAVED_SECRET_MIN = 8 };

static int read_value(const char *dir, const char *id, const char *leaf, char **ret, struct err *err)
{
	_cleanup_free_ char *path = leaf ? xasprintf("%s/%s/%s", dir, id, leaf) : xasprintf("%s/%s", dir, id);
	size_t len;
	*ret = path_read(path, VALUE_MAX, &len, err);
	if (!*ret)
		return -1;
	if (strlen(*ret) != len) {
		free(*ret);
		*ret = NULL;
		return err_set(err, ERR_IO, "%s: holds a NUL byte", path);
	}
	return 0;
}

static int secret_value(const struct agent *a, const char *id, char **ret, struct err *err)
{
	const struct secret *s = machine_secret(&a->m, id);
	if (!s || !agent_id_ok(id))
		return err_set(err, ERR_CONFIG, "no such secret");
	_cleanup_free_ char *dir = path_join(a->state, "secrets");
	if (read_value(dir, id, NULL, ret, err) < 0)
		return -1;
	/* Root may have written it with an editor. */
	if (!s->given || given_line(*ret, strlen(*ret), err) == 0)
		return 0;
	explicit_bzero(*ret, strlen(*ret));
	free(*ret);
	*ret = NULL;
	return -1;
}

static int cert_value(const struct agent *a, const char *ref, char **ret, bool *secret, struct err *err)
{
	const char *colon = strrchr(ref, ':');
	_cleanup_free_ char *id = xstrndup(ref, colon ? (size_t)(colon - ref) : 0);
	const char *part = colon ? colon + 1 : "";
	const struct secret *s = machine_secret(&a->m, id);
	if (!s || !s->certificate || !agent_id_ok(id))
		return err_set(err, ERR_CONFIG, "no such certificate");
	*secret = str_eq(part, "key");
	if (str_eq(part, "ca")) {
		*ret = site_trust(a, err);
		return *ret ? 0 : -1;
	}
	if (!*secret && !str_eq(part, "cert"))
		return err_set(err, ERR_CONFIG, "\"%s\" is none of cert, key, ca", part);
	/* One that cannot be used leaves the appliance's own; the status says it. */
	_cleanup_site_ struct site site = {0};
	_cleanup_err_ struct err ignored = ERR_INIT;
	if (s->site && site_read(a, &site, &ignored) > 0) {
		*ret = xstrdup(*secret ? site.key : site.served);
		return 0;
	}
	_cleanup_free_ char *dir = path_join(a->state, "secrets");
	return read_value(dir, id, *secret ? "key.pem" : "cert.pem", ret, err);
}

static int fact_value(const struct agent *a, const char *name, char **ret, struct err *err)
{
	if (str_eq(name, "domain")) {
		*ret = xstrdup(a->m.domain ? a->m.domain : "");
		return 0;
	}
	if (str_eq(name, "hostname")) {
		char host[256] = "";
		if (gethostname(host, sizeof host - 1) < 0)
			return err_sys(err, errno, "host name");
		*ret = xstrdup(host);
		return 0;
	}
	return err_set(err, ERR_CONFIG, "no such fact");
}

static int saved_value(const struct agent *a, const char *id, char **ret, struct err *err)
{
	if (!agent_id_ok(id))
		return err_set(err, ERR_CONFIG, "no such value");
	_cleanup_free_ char *dir = path_join(a->state, "saved"), *path = path_join(dir, id);
	if (!path_exists(path))
		return err_set(err, ERR_RESOLVE, "not captured yet by its provision step");
	return read_value(dir, id, NULL, ret, err);
}

/* "text:ENCODED": runtime text in percent-encoding, for a filter over more than one reference. */
static int mixture_value(const struct agent *a, const char *encoded, struct strvec *masks, char **ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "");
	for (const char *p = encoded; *p; p++) {
		char digits[3] = {0};
		if (*p == '%' && p[1] && p[2]) {
			memcpy(digits, p + 1, 2);
			p += 2;
		}
		char *end = digits;
		unsigned long byte = digits[0] ? strtoul(digits, &end, 16) : (unsigned char)*p;
		if (!byte || *end)
			return err_set(err, ERR_CONFIG, "not percent-encoded");
		strbuf_addc(&b, (char)byte);
	}
	return text_resolve(a, b.s, masks, ret, err);
}

static int lookup(
	const struct agent *a, const char *ref, struct strvec *masks, char **ret, bool *secret, struct err *err)
{
	*secret = false;
	if (str_starts(ref, "text:"))
		return *secret = true, mixture_value(a, ref + 5, masks, ret, err);
	if (str_starts(ref, "secret:"))
		return *secret = true, secret_value(a, ref + 7, ret, err);
	if (str_starts(ref, "cert:"))
		return cert_value(a, ref + 5, ret, secret, err);
	if (str_starts(ref, "fact:"))
		return fact_value(a, ref + 5, ret, err);
	if (str_starts(ref, "saved:"))
		return *secret = true, saved_value(a, ref + 6, ret, err);
	if (str_starts(ref, "address:")) {
		const struct container *c = machine_container(&a->m, ref + 8);
		if (!c)
			return err_set(err, ERR_CONFIG, "no such container");
		*ret = xstrdup(c->address);
		return 0;
	}
	return err_set(err, ERR_CONFIG, "unknown kind of reference");
}

/* "REF|FILTER|FILTER", without the braces. */
static int resolve_ref(
	const struct agent *a, const char *body, struct strvec *masks, struct strbuf *out, struct err *err)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;
	str_split(&parts, body, "|");
	_cleanup_free_ char *value = NULL;
	bool secret;
	if (!parts.n)
		return err_set(err, ERR_CONFIG, "${%s}: empty reference", body);
	if (lookup(a, parts.v[0], masks, &value, &secret, err) < 0)
		return err_wrap(err, "${%s}", body);
	if (secret && masks)
		strvec_add(masks, value);
	for (size_t i = 1; i < parts.n; i++) {
		char *next;
		if (secret && !*value && filter_hashes(parts.v[i]))
			return err_set(
				err, ERR_CONFIG, "${%s}: it is empty, and a hash of nothing lets anybody in", body);
		if (filter_apply(parts.v[i], value, parts.v[0], &next, err) < 0)
			return err_wrap(err, "${%s}", body);
		free(value);
		value = next;
		if (secret && masks)
			strvec_add(masks, value);
	}
	strbuf_adds(out, value);
	return 0;
}

int text_resolve(const struct agent *a, const char *text, struct strvec *masks, char **ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	strbuf_adds(&out, "");
	for (const char *p = text; *p;) {
		const char *dollar = strchr(p, '$');
		if (!dollar) {
			strbuf_adds(&out, p);
			break;
		}
		strbuf_add(&out, p, (size_t)(dollar - p));
		if (str_starts(dollar, "$${")) {
			strbuf_adds(&out, "${");
			p = dollar + 3;
		} else if (dollar[1] == '{') {
			const char *end = strchr(dollar, '}');
			if (!end)
				return err_set(err, ERR_CONFIG, "reference without its closing brace");
			_cleanup_free_ char *body = xstrndup(dollar + 2, (size_t)(end - dollar - 2));
			if (resolve_ref(a, body, masks, &out, err) < 0)
				return -1;
			p = end + 1;
		} else {
			strbuf_addc(&out, '$');
			p = dollar + 1;
		}
	}
	*ret = strbuf_steal(&out);
	return 0;
}

static json_t *resolve_object(const struct agent *a, const json_t *j, struct strvec *masks, struct err *err)
{
	json_t *out = json_object(), *v;
	const char *key;
	json_object_foreach((json_t *)j, key, v)
	{
		json_t *r = text_resolve_json(a, v, masks, err);
		if (!r) {
			json_decref(out);
			err_wrap(err, "%s", key);
			return NULL;
		}
		json_object_set_new(out, key, r);
	}
	return out;
}

json_t *text_resolve_json(const struct agent *a, const json_t *j, struct strvec *masks, struct err *err)
{
	if (json_is_string(j)) {
		_cleanup_free_ char *s = NULL;
		if (text_resolve(a, json_string_value(j), masks, &s, err) < 0)
			return NULL;
		json_t *r = json_string(s);
		if (!r)
			err_set(err, ERR_CONFIG, "a resolved value is not UTF-8");
		return r;
	}
	if (json_is_object(j))
		return resolve_object(a, j, masks, err);
	if (!json_is_array(j))
		return json_deep_copy(j);
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(j); i++) {
		json_t *r = text_resolve_json(a, json_array_get(j, i), masks, err);
		if (!r) {
			json_decref(out);
			return NULL;
		}
		json_array_append_new(out, r);
	}
	return out;
}

/*
 * The longest mask that `text` begins with, or 0: a filtered form may begin with the plain one. A text that was cut off
 * may end in the first part of one.
 */
static size_t masked_prefix(const char *text, const struct strvec *masks)
{
	size_t best = 0;
	for (size_t i = 0; i < masks->n; i++) {
		size_t n = strlen(masks->v[i]), part = strnlen(text, n);
		if (part >= 4 && part > best && strncmp(text, masks->v[i], part) == 0)
			best = part;
	}
	return best;
}

char *text_mask(const char *text, const struct strvec *masks)
{
	struct strbuf out = STRBUF_INIT;
	strbuf_adds(&out, "");
	for (const char *p = text; *p;) {
		size_t n = masked_prefix(p, masks);
		if (n) {
			strbuf_adds(&out, "***");
			p += n;
		} else {
			strbuf_addc(&out, *p++);
		}
	}
	return strbuf_steal(&out);
}

char *text_shown(const char *text, const struct strvec *masks)
{
	_cleanup_free_ char *clean = text_mask(text, masks);
	struct strbuf plain = STRBUF_INIT;
	strbuf_adds(&plain, "");
	strbuf_add_plain(&plain, clean);
	return strbuf_steal(&plain);
}

static void names_in(const char *dir, struct strvec *ret)
{
	DIR *d = opendir(dir);
	for (const struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			strvec_add(ret, e->d_name);
	if (d)
		closedir(d);
}

/* What provision steps captured, tokens of services: saved/SERVICE/NAME. What is short is a note, an id or a word. */
static void mask_saved(const struct agent *a, struct strvec *masks)
{
	_cleanup_free_ char *all = path_join(a->state, "saved");
	_cleanup_strvec_ struct strvec services = STRVEC_INIT;
	names_in(all, &services);
	for (size_t i = 0; i < services.n; i++) {
		_cleanup_free_ char *dir = path_join(all, services.v[i]);
		_cleanup_strvec_ struct strvec names = STRVEC_INIT;
		names_in(dir, &names);
		for (size_t k = 0; k < names.n; k++) {
			_cleanup_err_ struct err ignored = ERR_INIT;
			char *value = NULL;
			if (read_value(dir, names.v[k], NULL, &value, &ignored) < 0)
				continue;
			value[strcspn(value, "\r\n")] = 0;
			if (strlen(value) >= SAVED_SECRET_MIN)
				strvec_take(masks, steal(value));
			free(value);
		}
	}
}

void text_mask_all(const struct agent *a, struct strvec *masks)
{
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *value = NULL;
		if (!a->m.secrets[i].certificate && secret_value(a, a->m.secrets[i].id, &value, &ignored) == 0)
			strvec_add(masks, value);
	}
	mask_saved(a, masks);
}
