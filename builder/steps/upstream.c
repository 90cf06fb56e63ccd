#include "steps/upstream.h"
#include "base/mem.h"
#include <string.h>

/* Raised when a change of kiln changes what a step makes of the same input. */
enum { BLOB_INDEX_VERSION = 1 };

static struct upstream_layer layer_of(
	const struct upstreams *u, const struct pin_layer *p, const char *index, struct arena *mem)
{
	_cleanup_free_ char *path = cache_blob_path(u->cache, p->blob.digest);

	return (struct upstream_layer){.path = arena_strdup(mem, path),
		.digest = p->blob.digest,
		.size = p->blob.size,
		.media_type = p->blob.type,
		.diff_id = p->diff_id,
		.index = index};
}

/* A blob that rotted in the cache is dropped: the next build fetches it again. */
static int make_index(const struct step *s, const char *dir, struct err *err)
{
	const struct blob_step *b = s->arg;
	const struct pin_layer *p = b->pin;
	struct arena mem = {0};
	struct upstream_layer l = layer_of(b->all, p, dir, &mem);
	_cleanup_err_ struct err ignored = ERR_INIT;
	int r = upstream_index(&l, err);

	arena_release(&mem);
	if (r < 0 && err->kind == ERR_VERIFY &&
		cache_verify(b->all->cache, p->blob.digest, p->blob.size, &ignored) == 0)
		err_hint(err, "the damaged copy in the cache is gone: the next build fetches it again");
	return r;
}

static struct blob_step *find(const struct upstreams *u, const struct pin_layer *p)
{
	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->v[i].pin->blob.digest, p->blob.digest) == 0 &&
			strcmp(u->v[i].pin->diff_id, p->diff_id) == 0)
			return &u->v[i];
	return NULL;
}

static void add_blob(struct graph *g, struct upstreams *u, const struct pin_layer *p)
{
	struct blob_step *b = &u->v[u->n++];
	const char *name = arena_printf(&u->arena, "layer-%.12s", p->blob.digest);
	struct hash *h = hash_new();

	*b = (struct blob_step){.pin = p, .index = graph_add(g, name, "layer of an image"), .all = u};
	hash_field(h, "blob-index");
	hash_field_u64(h, BLOB_INDEX_VERSION);
	hash_field(h, p->blob.digest);
	hash_field_u64(h, p->blob.size);
	hash_field(h, p->diff_id);
	hash_end(h, b->index->key);
	b->index->make = make_index;
	b->index->arg = b;
}

struct step *upstreams_index(const struct upstreams *u, const struct pin_layer *p)
{
	return find(u, p)->index;
}

/* Some container has it as it is. */
static bool is_plain(const struct appliance *a, const struct lock_image *image)
{
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (c->upstream && !c->derived && strcmp(c->upstream, image->name) == 0)
			return true;
	}
	return false;
}

int upstreams_add(struct graph *g, struct upstreams *u, const struct appliance *a, const struct lock *l,
	struct cache *cache, struct err *err)
{
	size_t n = 0;

	*u = (struct upstreams){.cache = cache, .lock = l};
	for (size_t i = 0; i < l->images.n; i++)
		n += l->images.v[i].pin.n_layers;
	u->v = arena_alloc(&u->arena, (n + 1) * sizeof *u->v);
	u->plain = arena_alloc(&u->arena, (l->images.n + 1) * sizeof *u->plain);
	for (size_t i = 0; i < l->images.n; i++) {
		for (size_t k = 0; k < l->images.v[i].pin.n_layers; k++)
			if (!find(u, &l->images.v[i].pin.layers[k]))
				add_blob(g, u, &l->images.v[i].pin.layers[k]);
		if (is_plain(a, &l->images.v[i]))
			u->plain[u->n_plain++] = &l->images.v[i];
	}
	return derived_add(g, u, a, err);
}

static void need_image(const struct upstreams *u, const struct lock_image *image, struct step *store, struct hash *key)
{
	hash_field(key, image->name);
	hash_field(key, image->pin.index.digest);
	hash_field(key, image->pin.manifest.digest);
	hash_field(key, image->pin.config.digest);
	for (size_t k = 0; k < image->pin.n_layers; k++)
		step_needs(store, key, upstreams_index(u, &image->pin.layers[k]));
}

void upstreams_need(const struct upstreams *u, struct step *store, struct hash *key)
{
	for (size_t i = 0; i < u->n_plain; i++)
		need_image(u, u->plain[i], store, key);
	for (size_t i = 0; i < u->n_derived; i++) {
		hash_field(key, u->derived[i].name);
		need_image(u, u->derived[i].from, store, key);
		step_needs(store, key, u->derived[i].layer);
	}
}

static int read_document(const struct upstreams *u, const struct blob_ref *ref, struct arena *mem,
	struct upstream_blob *ret, struct err *err)
{
	if (!ref->digest)
		return 0;
	_cleanup_free_ char *text = cache_read(u->cache, ref->digest, ref->size, err);
	if (!text && !err->kind) {
		err_set(err, ERR_VERIFY, "sha256:%s is not in the cache", ref->digest);
		err_hint(err, "the next build fetches it again");
	}
	if (!text)
		return -1;
	*ret = (struct upstream_blob){
		.digest = ref->digest, .data = arena_strndup(mem, text, ref->size), .len = ref->size};
	return 0;
}

int upstreams_read(const struct upstreams *u, const struct lock_image *image, struct arena *mem,
	struct upstream_image *ret, struct err *err)
{
	const struct image_pin *pin = &image->pin;
	struct upstream_layer *layers = arena_alloc(mem, pin->n_layers * sizeof *layers);

	for (size_t k = 0; k < pin->n_layers; k++)
		layers[k] = layer_of(u, &pin->layers[k], upstreams_index(u, &pin->layers[k])->dir, mem);
	*ret = (struct upstream_image){
		.arch = u->lock->arch, .reference = image->name, .layers = layers, .n_layers = pin->n_layers};
	if (read_document(u, &pin->index, mem, &ret->index, err) < 0 ||
		read_document(u, &pin->manifest, mem, &ret->manifest, err) < 0 ||
		read_document(u, &pin->config, mem, &ret->config, err) < 0)
		return err_wrap(err, "image %s", image->name);
	return 0;
}

struct upstream_image *upstreams_images(const struct upstreams *u, struct arena *mem, size_t *ret_n, struct err *err)
{
	size_t n = u->n_plain + u->n_derived;
	struct upstream_image *all = arena_alloc(mem, (n + 1) * sizeof *all);

	for (size_t i = 0; i < u->n_plain; i++)
		if (upstreams_read(u, u->plain[i], mem, &all[i], err) < 0)
			return NULL;
	for (size_t i = 0; i < u->n_derived; i++)
		if (derived_image(&u->derived[i], mem, &all[u->n_plain + i], err) < 0)
			return NULL;
	*ret_n = n;
	return all;
}

void upstreams_release(struct upstreams *u)
{
	arena_release(&u->arena);
	*u = (struct upstreams){0};
}
