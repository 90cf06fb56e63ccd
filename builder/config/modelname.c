#include "config/modelname.h"
#include "base/str.h"

enum { TEXT_MAX = 700, HOST_MAX = 350, PART_MAX = 80 };
static const char default_host[] = "registry.ollama.ai", default_space[] = "library";

struct part {
	const char *at;
	size_t n;
};

static int bad(const char *text, const char *at, struct err *err, const char *what)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	strbuf_add_plain(&plain, text);
	return err_set(
		err, ERR_CONFIG, "model \"%s\": column %zu: %s", strbuf_cstr(&plain), (size_t)(at - text) + 1, what);
}

/* Begins with a letter, a digit or an underscore: so no part is "." or "..". */
static int check(
	const char *text, const struct part *p, const char *what, const char *more, size_t max, struct err *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (p->n == 0 || !strchr(first, *p->at)) {
		_cleanup_free_ char *m = xasprintf("%s begins with a letter, a digit or '_'", what);
		return bad(text, p->at, err, m);
	}
	for (size_t i = 1; i < p->n; i++)
		if (!strchr(first, p->at[i]) && !strchr(more, p->at[i])) {
			_cleanup_free_ char *m = xasprintf("%s has letters, digits and any of \"_%s\"", what, more);
			return bad(text, p->at + i, err, m);
		}
	if (p->n > max) {
		_cleanup_free_ char *m = xasprintf("%s is longer than %zu bytes", what, max);
		return bad(text, p->at, err, m);
	}
	return 0;
}

static int parse_digest(struct arena *arena, const char *text, const char *at, const char **ret, struct err *err)
{
	if (!str_starts(at, "sha256:"))
		return bad(text, at, err, "expected a digest sha256:HEX");
	at += strlen("sha256:");
	if (strlen(at) != 64 || strspn(at, "0123456789abcdef") != 64)
		return bad(text, at, err, "expected 64 hex digits in lower case");
	*ret = arena_strdup(arena, at);
	return 0;
}

/* The registry's client has a grammar for hosts of its own: with it the default port, brackets and the like are right.
 */
static int check_host(struct arena *arena, const char *text, const struct part *p, struct err *err)
{
	const char *registry, *path;
	_cleanup_err_ struct err why = ERR_INIT;

	if (check(text, p, "a host", "-.:", HOST_MAX, err) < 0)
		return -1;
	if (reference_prefix_parse(arena, arena_strndup(arena, p->at, p->n), &registry, &path, &why) < 0)
		return bad(text, p->at, err, "a registry's host has a dot or a port");
	return 0;
}

int model_name_parse(struct arena *arena, const char *text, struct reference *ret, struct err *err)
{
	const char *end = text + strcspn(text, "@");
	struct part v[3], model, tag = {"latest", 6};
	size_t n = 0;

	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_CONFIG, "model: a name of more than %d bytes", TEXT_MAX);
	if (!*text)
		return err_set(err, ERR_CONFIG, "model: an empty name");
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, "/@");
		if (n == ARRAY_SIZE(v))
			return bad(text, p, err, "expected [[HOST/]NAMESPACE/]MODEL[:TAG], found a part more");
		v[n++] = (struct part){p, len};
		p += len;
		if (p == end)
			break;
	}
	model = v[n - 1];
	const char *colon = memchr(model.at, ':', model.n);
	if (colon) {
		tag = (struct part){colon + 1, (size_t)(model.at + model.n - colon - 1)};
		model.n = (size_t)(colon - model.at);
	}
	if ((n == 3 && check_host(arena, text, &v[0], err) < 0) ||
		(n > 1 && check(text, &v[n - 2], "a namespace", "-", PART_MAX, err) < 0) ||
		check(text, &model, "a model", "-.", PART_MAX, err) < 0 ||
		check(text, &tag, "a tag", "-.", PART_MAX, err) < 0)
		return -1;
	*ret = (struct reference){.registry = n == 3 ? arena_strndup(arena, v[0].at, v[0].n) : default_host,
		.path = arena_printf(arena, "%.*s/%.*s", n > 1 ? (int)v[n - 2].n : (int)strlen(default_space),
			n > 1 ? v[n - 2].at : default_space, (int)model.n, model.at),
		.tag = arena_strndup(arena, tag.at, tag.n)};
	return *end ? parse_digest(arena, text, end + 1, &ret->digest, err) : 0;
}

const char *model_name_short(struct arena *arena, const struct reference *r)
{
	const char *path = r->path;

	if (strcmp(r->registry, default_host) != 0)
		return model_name_whole(arena, r);
	if (str_starts(path, "library/"))
		path += strlen("library/");
	return arena_printf(arena, "%s:%s", path, r->tag);
}

const char *model_name_whole(struct arena *arena, const struct reference *r)
{
	return arena_printf(arena, "%s/%s:%s", r->registry, r->path, r->tag);
}

const char *model_name_path(struct arena *arena, const struct reference *r)
{
	return arena_printf(arena, "%s/%s/%s", r->registry, r->path, r->tag);
}
