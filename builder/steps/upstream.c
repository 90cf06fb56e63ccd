#include "steps/upstream.h"
#include "base/mem.h"
#include "oci/layer.h"
#include <string.h>

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
			upstreams_add_blob(g, u, &l->images.v[i].pin.layers[k]);
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

int upstreams_hash_derived(const struct upstreams *u, struct hash *key, struct err *err)
{
	for (size_t i = 0; i < u->n_derived; i++) {
		struct layer_info info;
		if (layer_info_read(u->derived[i].layer->dir, &info, err) < 0)
			return -1;
		hash_field(key, u->derived[i].name);
		hash_field(key, u->derived[i].layer->key);
		hash_field(key, info.diff_id);
		layer_info_release(&info);
	}
	return 0;
}

int upstreams_need(const struct upstreams *u, struct step *store, struct hash *key, struct err *err)
{
	for (size_t i = 0; i < u->n_plain; i++)
		need_image(u, u->plain[i], store, key);
	for (size_t i = 0; i < u->n_derived; i++) {
		need_image(u, u->derived[i].from, store, key);
		step_needs(store, key, u->derived[i].layer);
	}
	return upstreams_hash_derived(u, key, err);
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
