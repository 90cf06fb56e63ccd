/* The blobs of images that kiln does not compose: a layer index for each, made once, and what is read of them. */
#include "base/mem.h"
#include "steps/upstream.h"
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

/* The first of the lock's images that has this layer: others may share it. */
static const char *image_of(const struct upstreams *u, const struct pin_layer *p)
{
	for (size_t i = 0; i < u->lock->images.n; i++) {
		const struct lock_image *image = &u->lock->images.v[i];
		for (size_t k = 0; k < image->pin.n_layers; k++)
			if (strcmp(image->pin.layers[k].blob.digest, p->blob.digest) == 0 &&
				strcmp(image->pin.layers[k].diff_id, p->diff_id) == 0)
				return image->name;
	}
	return "of no name";
}

/* A blob that rotted in the cache is dropped: the next build fetches it again. What is wrong as it was pinned stays so.
 */
static int make_index(const struct step *s, const char *dir, struct err *err)
{
	const struct blob_step *b = s->arg;
	const struct pin_layer *p = b->pin;
	struct arena mem = {0};
	struct upstream_layer l = layer_of(b->all, p, dir, &mem);
	_cleanup_err_ struct err ignored = ERR_INIT;
	int r = upstream_index(&l, err);

	arena_release(&mem);
	if (r == 0)
		return 0;
	if (err->kind == ERR_VERIFY) {
		bool rotten = cache_verify(b->all->cache, p->blob.digest, p->blob.size, &ignored) == 0;
		err_hint(err, rotten ? "the damaged copy in the cache is gone: the next build fetches it again"
				     : "the image is damaged or malicious: pin another version of it");
	}
	return err_wrap(err, "image %s", image_of(b->all, p));
}

static struct blob_step *find(const struct upstreams *u, const struct pin_layer *p)
{
	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->v[i].pin->blob.digest, p->blob.digest) == 0 &&
			strcmp(u->v[i].pin->diff_id, p->diff_id) == 0)
			return &u->v[i];
	return NULL;
}

void upstreams_add_blob(struct graph *g, struct upstreams *u, const struct pin_layer *p)
{
	if (find(u, p))
		return;
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
