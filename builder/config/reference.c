#include "config/reference.h"
#include "base/str.h"
#include <ctype.h>

/* As in the distribution project's grammar: 255 bytes of name, 128 of tag. */
enum { TEXT_MAX = 512, NAME_MAX_BYTES = 255, TAG_MAX = 128 };
static const char lower_digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char alnums[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* The text, where we are in it, and where the texts go. */
struct cursor {
	struct arena *arena;
	const char *what; /* "image", "mirror" */
	const char *text, *p;
};

static int bad(const struct cursor *c, const char *at, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int bad(const struct cursor *c, const char *at, struct err *err, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT, plain = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&what, fmt, ap);
	va_end(ap);
	strbuf_add_plain(&plain, c->text);
	return err_set(err, ERR_CONFIG, "%s \"%s\": column %zu: %s", c->what, strbuf_cstr(&plain),
		(size_t)(at - c->text) + 1, strbuf_cstr(&what));
}

/* What stands at `at`, for messages. */
static int unexpected(const struct cursor *c, const char *at, const char *wanted, struct err *err)
{
	unsigned char ch = (unsigned char)*at;

	if (!ch)
		return bad(c, at, err, "expected %s, found the end", wanted);
	if (!isprint(ch))
		return bad(c, at, err, "expected %s, found byte 0x%02x", wanted, ch);
	return bad(c, at, err, "expected %s, found '%c'", wanted, ch);
}

/* A first component with a dot, a colon or a capital letter, and "localhost", is a registry. */
static size_t registry_length(const char *s)
{
	size_t n = strcspn(s, "/");

	if (n == strlen("localhost") && memcmp(s, "localhost", n) == 0)
		return n;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || s[i] == '[' || isupper((unsigned char)s[i]))
			return n;
	return 0;
}

static const char *parse_ipv6(const struct cursor *c, const char *p, const char *end, struct err *err)
{
	size_t n = strspn(p + 1, "0123456789abcdefABCDEF:");

	if (n < 2 || p + 1 + n >= end || p[1 + n] != ']') {
		bad(c, p, err, "no IPv6 address in brackets");
		return NULL;
	}
	return p + n + 2;
}

static const char *parse_host(const struct cursor *c, const char *p, const char *end, struct err *err)
{
	for (;;) {
		size_t n = strspn(p, alnums);
		if (n == 0) {
			unexpected(c, p, "a letter or digit of the registry's name", err);
			return NULL;
		}
		n += strspn(p + n, "-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (p[n - 1] == '-') {
			bad(c, p + n - 1, err, "a part of the registry's name ends in '-'");
			return NULL;
		}
		p += n;
		if (p >= end || *p != '.')
			return p;
		p++;
	}
}

static int parse_registry(struct cursor *c, size_t len, struct reference *r, struct err *err)
{
	const char *end = c->p + len;
	const char *p = *c->p == '[' ? parse_ipv6(c, c->p, end, err) : parse_host(c, c->p, end, err);

	if (!p)
		return -1;
	if (p < end && *p == ':') {
		size_t n = strspn(++p, "0123456789");
		unsigned long port = n && n <= 5 ? strtoul(p, NULL, 10) : 0;
		if (!port || port > 65535)
			return bad(c, p, err, "expected a port from 1 to 65535");
		p += n;
	}
	if (p < end)
		return unexpected(c, p, "'/' after the registry", err);
	r->registry = arena_strndup(c->arena, c->p, len);
	if (strcmp(r->registry, "index.docker.io") == 0) /* its name of old */
		r->registry = "docker.io";
	c->p = *end ? end + 1 : end;
	return 0;
}

/* Between two runs of letters and digits: one dot, one or two underscores, any number of dashes. */
static size_t separator(const char *p)
{
	if (*p == '.')
		return 1;
	if (*p == '_')
		return p[1] == '_' ? 2 : 1;
	return strspn(p, "-");
}

static int check_length(const struct cursor *c, const char *at, const struct reference *r, struct err *err)
{
	if (strlen(r->registry) + 1 + strlen(r->path) > NAME_MAX_BYTES)
		return bad(c, at, err, "registry and path are longer than %d bytes", NAME_MAX_BYTES);
	return 0;
}

static int parse_path(struct cursor *c, struct reference *r, struct err *err)
{
	const char *p = c->p;

	for (;;) {
		size_t n = strspn(p, lower_digits);
		if (n == 0)
			return isupper((unsigned char)*p) ? bad(c, p, err, "a path has no capital letters ('%c')", *p)
							  : unexpected(c, p, "a lower-case letter or digit", err);
		p += n;
		n = separator(p);
		if (n == 0 && *p == '/')
			n = 1;
		if (n == 0)
			break;
		p += n;
	}
	if (*p && *p != ':' && *p != '@')
		return isupper((unsigned char)*p) ? bad(c, p, err, "a path has no capital letters ('%c')", *p)
						  : unexpected(c, p, "'/', ':' or '@' after the path", err);
	r->path = arena_strndup(c->arena, c->p, (size_t)(p - c->p));
	if (check_length(c, c->p, r, err) < 0)
		return -1;
	c->p = p;
	return 0;
}

static int parse_tag(struct cursor *c, struct reference *r, struct err *err)
{
	const char *p = ++c->p;

	if (!isalnum((unsigned char)*p) && *p != '_')
		return unexpected(c, p, "a tag", err);
	size_t n = strspn(p, "_.-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (n > TAG_MAX)
		return bad(c, p, err, "the tag is longer than %d bytes", TAG_MAX);
	if (p[n] && p[n] != '@')
		return unexpected(c, p + n, "'@' or the end after the tag", err);
	r->tag = arena_strndup(c->arena, p, n);
	c->p = p + n;
	return 0;
}

static int parse_digest(struct cursor *c, struct reference *r, struct err *err)
{
	const char *p = ++c->p;

	if (!str_starts(p, "sha256:"))
		return bad(c, p, err, "expected a digest sha256:HEX");
	p += strlen("sha256:");
	size_t n = strspn(p, "0123456789abcdef");
	if (n != 64 || p[n])
		return bad(c, p, err, "expected 64 hex digits in lower case");
	r->digest = arena_strdup(c->arena, p);
	return 0;
}

int reference_parse(struct arena *arena, const char *text, struct reference *ret, struct err *err)
{
	struct cursor c = {.arena = arena, .what = "image", .text = text, .p = text};
	struct reference r = {.registry = "docker.io"};

	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_CONFIG, "image: a reference of more than %d bytes", TEXT_MAX);
	if (!*text)
		return err_set(err, ERR_CONFIG, "image: an empty reference");
	size_t n = strchr(text, '/') ? registry_length(text) : 0;
	if (n && parse_registry(&c, n, &r, err) < 0)
		return -1;
	if (parse_path(&c, &r, err) < 0 || (*c.p == ':' && parse_tag(&c, &r, err) < 0) ||
		(*c.p == '@' && parse_digest(&c, &r, err) < 0))
		return -1;
	if (strcmp(r.registry, "docker.io") == 0 && !strchr(r.path, '/'))
		r.path = arena_printf(arena, "library/%s", r.path);
	/* What is accepted can be read again in full. */
	if (check_length(&c, text, &r, err) < 0)
		return -1;
	if (!r.tag && !r.digest)
		r.tag = "latest";
	*ret = r;
	return 0;
}

const char *reference_repository(struct arena *arena, const struct reference *r)
{
	return arena_printf(arena, "%s/%s", r->registry, r->path);
}

const char *reference_text(struct arena *arena, const struct reference *r)
{
	return arena_printf(arena, "%s/%s%s%s%s%s", r->registry, r->path, r->tag ? ":" : "", r->tag ? r->tag : "",
		r->digest ? "@sha256:" : "", r->digest ? r->digest : "");
}

static int parse_local(struct cursor *c, struct image_source *s, struct err *err)
{
	size_t n = strcspn(c->p, ":");

	if (n == 0)
		return bad(c, c->p, err, "expected a path");
	s->path = arena_strndup(c->arena, c->p, n);
	if (!c->p[n])
		return 0;
	if (!c->p[n + 1])
		return unexpected(
			c, c->p + n + 1, s->kind == SOURCE_LAYOUT ? "a tag" : "the name of an image in it", err);
	s->name = arena_strdup(c->arena, c->p + n + 1);
	return 0;
}

int image_source_parse(struct arena *arena, const char *text, struct image_source *ret, struct err *err)
{
	static const struct {
		const char *prefix;
		enum source_kind kind;
	} locals[] = {
		{"oci:", SOURCE_LAYOUT},
		{"archive:", SOURCE_ARCHIVE},
		{"oci-archive:", SOURCE_ARCHIVE},
		{"docker-archive:", SOURCE_ARCHIVE},
	};
	struct image_source s = {0};

	for (size_t i = 0; i < ARRAY_SIZE(locals); i++) {
		if (!str_starts(text, locals[i].prefix))
			continue;
		struct cursor c = {.arena = arena, .what = "image", .text = text, .p = text + strlen(locals[i].prefix)};
		s.kind = locals[i].kind;
		if (parse_local(&c, &s, err) < 0)
			return -1;
		*ret = s;
		return 0;
	}
	if (reference_parse(arena, text, &s.ref, err) < 0)
		return -1;
	*ret = s;
	return 0;
}

int reference_prefix_parse(
	struct arena *arena, const char *text, const char **ret_registry, const char **ret_path, struct err *err)
{
	struct cursor c = {.arena = arena, .what = "mirror", .text = text, .p = text};
	struct reference r = {.path = ""};

	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_CONFIG, "mirror: a name of more than %d bytes", TEXT_MAX);
	size_t n = registry_length(text);
	if (n == 0)
		return bad(&c, c.p, err, "expected REGISTRY[/PATH], the registry with a dot or a port");
	if (parse_registry(&c, n, &r, err) < 0 || (text[n] && parse_path(&c, &r, err) < 0))
		return -1;
	if (*c.p)
		return unexpected(&c, c.p, "the end", err);
	*ret_registry = r.registry;
	*ret_path = r.path;
	return 0;
}
