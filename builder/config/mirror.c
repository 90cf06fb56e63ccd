#include "config/mirror.h"
#include "base/str.h"

/* 127.0.0.0/8, [::1] and "localhost": what no network sees. */
static bool is_loopback(const char *registry)
{
	size_t n = *registry == '[' ? strcspn(registry, "]") + 1 : strcspn(registry, ":");
	_cleanup_free_ char *host = xstrndup(registry, n);
	unsigned a, b, c;
	char more;

	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (sscanf(host, "127.%3u.%3u.%3u%c", &a, &b, &c, &more) == 3 && a < 256 && b < 256 && c < 256);
}

int mirrors_add(struct mirrors *m, struct arena *arena, const char *prefix, const char *place, struct err *err)
{
	struct mirror x = {.prefix = arena_strdup(arena, prefix)};
	const char *registry, *path;

	if (reference_prefix_parse(arena, prefix, &registry, &path, err) < 0)
		return -1;
	if (str_starts(place, "https://"))
		place += strlen("https://");
	x.place.plain = str_starts(place, "http://");
	if (x.place.plain)
		place += strlen("http://");
	if (reference_prefix_parse(arena, place, &x.place.registry, &x.place.path, err) < 0)
		return -1;
	if (x.place.plain && !is_loopback(x.place.registry))
		return err_set(
			err, ERR_CONFIG, "mirror \"http://%s\": plain http is for loopback addresses only", place);
	vec_push(&m->all, x);
	return 0;
}

void mirrors_release(struct mirrors *m)
{
	vec_release(&m->all);
}

/* Bytes of `name` that the prefix covers, when it ends at a slash or at the end. */
static size_t covers(const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	return str_starts(name, prefix) && (name[n] == '/' || !name[n]) ? n : 0;
}

void mirrors_of(const struct mirrors *m, struct arena *arena, const struct reference *r, struct mirror_places *ret)
{
	const char *name = reference_repository(arena, r);
	size_t longest = 0;

	for (size_t i = 0; m && i < m->all.n; i++)
		if (covers(m->all.v[i].prefix, name) > longest)
			longest = covers(m->all.v[i].prefix, name);
	for (size_t i = 0; longest && i < m->all.n; i++) {
		struct mirror_place p = m->all.v[i].place;
		const char *rest = name + longest;
		if (covers(m->all.v[i].prefix, name) != longest)
			continue;
		if (!*p.path && *rest == '/')
			rest++;
		p.path = arena_printf(arena, "%s%s", p.path, rest);
		vec_push(&ret->all, p);
	}
	vec_push(&ret->all, (struct mirror_place){.registry = r->registry, .path = r->path});
}
