#include "steps/models.h"
#include "base/str.h"
#include "config/modelname.h"

void models_need(const struct lock *l, struct hash *key)
{
	for (size_t i = 0; i < l->models.n; i++) {
		hash_field(key, l->models.v[i].name);
		hash_field(key, l->models.v[i].pin.manifest.digest);
	}
}

static struct store_model_blob blob_of(const struct cache *c, const struct blob_ref *b, struct arena *mem)
{
	_cleanup_free_ char *path = cache_blob_path(c, b->digest);

	return (struct store_model_blob){.digest = b->digest, .size = b->size, .path = arena_strdup(mem, path)};
}

/* The name was checked when the lock was read. */
static const char *place_of(const char *name, struct arena *mem)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct reference r;

	return model_name_parse(mem, name, &r, &ignored) < 0 ? name : model_name_path(mem, &r);
}

struct store_model *models_list(const struct lock *l, const struct cache *c, struct arena *mem, size_t *ret_n)
{
	struct store_model *v = arena_alloc(mem, (l->models.n + 1) * sizeof *v);

	for (size_t i = 0; i < l->models.n; i++) {
		const struct model_pin *p = &l->models.v[i].pin;
		struct store_model_blob *blobs = arena_alloc(mem, (p->n_layers + 2) * sizeof *blobs);
		const struct blob_ref *b;
		size_t n = 0;
		for (size_t k = 1; (b = model_blob(p, k)); k++)
			blobs[n++] = blob_of(c, b, mem);
		v[i] = (struct store_model){.place = place_of(l->models.v[i].name, mem),
			.manifest = blob_of(c, &p->manifest, mem),
			.blobs = blobs,
			.n_blobs = n};
	}
	*ret_n = l->models.n;
	return v;
}

void models_drop_damaged(const struct lock *l, const struct cache *c, struct err *err)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	const struct blob_ref *b;
	bool dropped = false;

	for (size_t i = 0; err->kind == ERR_VERIFY && i < l->models.n; i++)
		for (size_t k = 0; (b = model_blob(&l->models.v[i].pin, k)); k++)
			if (cache_has(c, b->digest, b->size) && cache_verify(c, b->digest, b->size, &ignored) == 0)
				dropped = true;
	if (dropped)
		err_hint(err, "the damaged copy in the cache is gone: the next build fetches it again");
}
