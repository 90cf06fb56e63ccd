/* From what apt chose to the lock: sources with their digests and the epoch, packages, sets. */
#include "base/path.h"
#include "lock/resolver.h"
#include <string.h>

static const char *keep(struct lock *l, struct slice s)
{
	return arena_strndup(&l->arena, s.s, s.n);
}

static int slice_u64(struct slice s, uint64_t *ret)
{
	char text[24] = "";

	if (s.n >= sizeof text)
		return -1;
	memcpy(text, s.s, s.n);
	return str_to_u64(text, ret) ? 0 : -1;
}

/* The Date of a Release file, RFC 5322 in UTC. */
static int release_date(const char *text, const char *path, uint64_t *ret, struct err *err)
{
	const char *at = str_starts(text, "Date:") ? text : strstr(text, "\nDate:");
	struct tm tm = {0};

	if (at && strptime(strchr(at, ':') + 1, " %a, %d %b %Y %H:%M:%S", &tm)) {
		time_t t = timegm(&tm);
		if (t > 0) {
			*ret = (uint64_t)t;
			return 0;
		}
	}
	return err_set(err, ERR_VERIFY, "%s: it has no Date that can be read", path);
}

static int fill_sources(const struct resolver *r, struct lock *l, struct err *err)
{
	l->sources.v = xcalloc(r->sources.all.n + 1, sizeof *l->sources.v);
	l->sources.n = r->sources.all.n;
	for (size_t i = 0; i < l->sources.n; i++) {
		struct lock_source *s = &l->sources.v[i];
		s->uri = arena_strdup(&l->arena, r->sources.all.v[i].uri);
		s->suite = arena_strdup(&l->arena, r->sources.all.v[i].suite);
		s->components.v = arena_alloc(&l->arena, (r->a->components.n + 1) * sizeof *s->components.v);
		for (size_t k = 0; k < r->a->components.n; k++)
			s->components.v[s->components.n++] = arena_strdup(&l->arena, r->a->components.v[k]);
	}
	for (size_t i = 0; i < r->index.files.n; i++) {
		const struct index_file *f = &r->index.files.v[i];
		char hex[HASH_HEX];
		uint64_t date = 0;
		size_t len;
		_cleanup_free_ char *text = path_read(f->release, 16 << 20, &len, err);
		if (!text || release_date(text, f->release, &date, err) < 0)
			return -1;
		hash_bytes(text, len, hex);
		l->sources.v[f->source].release = arena_strdup(&l->arena, hex);
		l->epoch = date > l->epoch ? date : l->epoch;
	}
	for (size_t i = 0; i < l->sources.n; i++)
		if (!l->sources.v[i].release)
			return err_set(err, ERR_RESOLVE, "%s %s: it has no packages for %s", l->sources.v[i].uri,
				l->sources.v[i].suite, r->a->arch);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct lock_package *)a)->key, ((const struct lock_package *)b)->key);
}
static int by_package(const void *a, const void *b)
{
	return by_key(*(const struct lock_package *const *)a, *(const struct lock_package *const *)b);
}
static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct lock_set *)a)->id, ((const struct lock_set *)b)->id);
}

static int fill_package(struct lock *l, struct lock_package *p, const struct index_entry *e, struct err *err)
{
	p->name = keep(l, e->name);
	p->arch = keep(l, e->arch);
	p->key = arena_printf(&l->arena, "%s:%s", p->name, p->arch);
	p->version = keep(l, e->version);
	p->sha256 = keep(l, e->sha256);
	p->path = keep(l, e->path);
	p->source = e->source;
	if (slice_u64(e->size, &p->size) < 0 || (e->installed.n && slice_u64(e->installed, &p->installed) < 0))
		return err_set(err, ERR_VERIFY, "package %s: its Size or Installed-Size is no number", p->name);
	return 0;
}

/* All packages of all sets, each once. */
static int fill_packages(const struct resolver *r, struct lock *l, struct err *err)
{
	size_t total = 0, n = 0;

	for (size_t t = 0; t < r->a->trees.n; t++)
		total += r->choices[t].v.n;
	l->packages.v = xcalloc(total + 1, sizeof *l->packages.v);
	for (size_t t = 0; t < r->a->trees.n; t++)
		for (size_t i = 0; i < r->choices[t].v.n; i++)
			if (fill_package(l, &l->packages.v[l->packages.n++], r->choices[t].v.v[i], err) < 0)
				return -1;
	qsort(l->packages.v, l->packages.n, sizeof *l->packages.v, by_key);
	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *p = &l->packages.v[i], *last = n ? &l->packages.v[n - 1] : NULL;
		if (last && strcmp(last->key, p->key) == 0) {
			if (strcmp(last->sha256, p->sha256) != 0)
				return err_set(err, ERR_RESOLVE, "package %s: two trees want versions %s and %s",
					p->key, last->version, p->version);
			continue;
		}
		l->packages.v[n++] = *p;
	}
	l->packages.n = n;
	return 0;
}

static void fill_sets(const struct resolver *r, struct lock *l)
{
	l->sets.v = xcalloc(r->a->trees.n + 1, sizeof *l->sets.v);
	for (size_t t = 0; t < r->a->trees.n; t++) {
		struct lock_set *s = &l->sets.v[l->sets.n++];
		const struct choice *c = &r->choices[t];
		s->id = arena_strdup(&l->arena, r->a->trees.v[t].id);
		s->v = xcalloc(c->v.n + 1, sizeof *s->v);
		for (size_t i = 0; i < c->v.n; i++) {
			_cleanup_free_ char *key = xasprintf("%.*s:%.*s", (int)c->v.v[i]->name.n, c->v.v[i]->name.s,
				(int)c->v.v[i]->arch.n, c->v.v[i]->arch.s);
			s->v[s->n++] = lock_package(l, key);
		}
		qsort(s->v, s->n, sizeof *s->v, by_package);
	}
	qsort(l->sets.v, l->sets.n, sizeof *l->sets.v, by_id);
}

int resolver_answer(const struct resolver *r, struct lock *l, struct err *err)
{
	l->arch = arena_strdup(&l->arena, r->a->arch);
	l->suite = arena_strdup(&l->arena, r->a->suite);
	lock_request(r->a, l->request);
	if (fill_sources(r, l, err) < 0 || fill_packages(r, l, err) < 0)
		return -1;
	fill_sets(r, l);
	return 0;
}
