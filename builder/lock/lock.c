#include "lock/lock.h"
#include "base/str.h"
#include <string.h>

void lock_release(struct lock *l)
{
	arena_release(&l->arena);
	free(l->sources.v);
	free(l->packages.v);
	for (size_t i = 0; i < l->sets.n; i++)
		free(l->sets.v[i].v);
	free(l->sets.v);
	free(l->images.v);
	free(l->models.v);
	*l = (struct lock){0};
}

char *lock_path(const char *profile)
{
	size_t n = strlen(profile);

	if (str_ends(profile, ".yaml"))
		n -= strlen(".yaml");
	return xasprintf("%.*s.lock", (int)n, profile);
}

static void hash_list(struct hash *h, const struct str_list *list)
{
	hash_field_u64(h, list->n);
	for (size_t i = 0; i < list->n; i++)
		hash_field(h, list->v[i]);
}

void lock_request(const struct appliance *a, char hex[HASH_HEX])
{
	struct hash *h = hash_new();

	hash_field(h, "kiln lock 1");
	hash_field(h, a->suite);
	hash_field(h, a->arch);
	hash_field(h, a->mirror);
	hash_list(h, &a->components);
	hash_field_u64(h, a->trees.n);
	for (size_t i = 0; i < a->trees.n; i++) {
		hash_field(h, a->trees.v[i].id);
		hash_field(h, a->trees.v[i].parent);
		hash_list(h, &a->trees.v[i].packages);
	}
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (!c->source || c->instance > 1)
			continue;
		hash_field(h, c->upstream);
		hash_field(h, c->source);
	}
	for (size_t i = 0; i < a->models.n; i++) {
		const struct model *m = &a->models.v[i];
		hash_field(h, m->name);
		hash_field(h, m->source);
		hash_field(h, m->template);
		hash_field(h, m->system);
		hash_field(h, m->parameters);
		hash_field_u64(h, m->license != NULL);
	}
	hash_end(h, hex);
}

bool lock_fits(const struct lock *l, const struct appliance *a)
{
	char wanted[HASH_HEX];

	lock_request(a, wanted);
	return strcmp(l->request, wanted) == 0;
}

static int set_by_id(const void *key, const void *elem)
{
	return strcmp(key, ((const struct lock_set *)elem)->id);
}

const struct lock_set *lock_set(const struct lock *l, const char *id)
{
	return l->sets.n ? bsearch(id, l->sets.v, l->sets.n, sizeof *l->sets.v, set_by_id) : NULL;
}

static int package_by_key(const void *key, const void *elem)
{
	return strcmp(key, ((const struct lock_package *)elem)->key);
}

const struct lock_package *lock_package(const struct lock *l, const char *key)
{
	return l->packages.n ? bsearch(key, l->packages.v, l->packages.n, sizeof *l->packages.v, package_by_key) : NULL;
}

/* A path in an index is text; in an address some bytes must be escaped (RFC 3986). '%' is, as it is a plain byte of the
 * file's name. */
static void add_escaped(struct strbuf *b, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/-_.~", c))
			strbuf_addc(b, (char)c);
		else
			strbuf_addf(b, "%%%02x", c);
	}
}

char *lock_uri(const struct lock *l, const struct lock_package *p)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, l->sources.v[p->source].uri);
	strbuf_addc(&b, '/');
	add_escaped(&b, p->path);
	return strbuf_steal(&b);
}

static bool set_holds(const struct lock_set *set, const struct lock_package *p)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == p)
			return true;
	return false;
}

struct image_sizes lock_image_sizes(const struct lock *l)
{
	struct image_sizes r = {.least = true};

	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *p = &l->packages.v[i];
		bool root = false, store = false; /* once, in however many images: equal files are stored once */
		for (size_t k = 0; k < l->sets.n; k++) {
			const struct lock_set *set = &l->sets.v[k];
			if (str_eq(set->id, "os"))
				root = set_holds(set, p);
			else if (!str_eq(set->id, "tools") && !str_starts(set->id, "build/"))
				store = store || set_holds(set, p);
		}
		r.root += root ? p->installed * 1024 / 6 : 0;
		r.store += store ? p->installed * 1024 / 6 : 0;
	}
	r.store += lock_models_size(l);
	return r;
}
