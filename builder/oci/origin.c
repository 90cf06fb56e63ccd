#include "oci/origin.h"
#include "base/str.h"

/* From the cache, brought there when it is missing. */
static char *read_document(
	const struct origin *o, const struct blob_ref *b, const char *kind, struct document *d, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		char *text = cache_read(o->cache, b->digest, b->size, err);
		if (text || err->msg) {
			*d = (struct document){.text = text, .len = b->size, .type = b->type, .name = kind};
			return text;
		}
		if (i == 0 && o->document(o, b, err) < 0)
			return NULL;
	}
	err_set(err, ERR_IO, "%s: it is not in the cache, where it was put a moment ago", kind);
	return NULL;
}

static int read_config(
	const struct origin *o, const struct platform *p, struct arena *arena, struct image_pin *pin, struct err *err)
{
	const struct blob_ref *v[] = {&pin->config};
	_cleanup_free_ char *text = cache_read(o->cache, pin->config.digest, pin->config.size, err);

	if (!text && (err->msg || o->blobs(o, v, 1, err) < 0))
		return -1;
	if (!text)
		text = cache_read(o->cache, pin->config.digest, pin->config.size, err);
	if (!text)
		return err->msg ? -1
				: err_set(err, ERR_IO, "config: it is not in the cache, where it was put a moment ago");
	struct document d = {.text = text, .len = pin->config.size, .name = "config"};
	return config_read(&d, p, arena, pin, err);
}

int origin_pin(const struct origin *o, const struct blob_ref *root, const struct platform *p, struct arena *arena,
	struct image_pin *ret, struct err *err)
{
	struct image_pin found = {.manifest = *root};
	enum document_kind kind;
	struct document d;
	_cleanup_free_ char *first = read_document(o, root, "manifest", &d, err), *second = NULL;

	if (!first || manifest_kind(&d, &kind, &found.manifest.type, err) < 0)
		return -1;
	if (kind == DOCUMENT_INDEX) {
		found.index = found.manifest;
		d.name = "index";
		if (index_choose(&d, p, arena, &found.manifest, err) < 0)
			return -1;
		second = read_document(o, &found.manifest, "manifest", &d, err);
		/* The index says what it points to: anything else, another index even, is refused by its type. */
		if (!second)
			return -1;
	}
	if (manifest_read(&d, arena, &found, err) < 0 || read_config(o, p, arena, &found, err) < 0)
		return -1;
	*ret = found;
	return 0;
}

static int need_document(const struct origin *o, const struct blob_ref *b, struct err *err)
{
	return !b->digest || cache_has(o->cache, b->digest, b->size) ? 0 : o->document(o, b, err);
}

int origin_fetch(const struct origin *o, const struct image_pin *pin, struct err *err)
{
	_cleanup_free_ const struct blob_ref **v = xcalloc(pin->n_layers + 1, sizeof *v);
	size_t n = 0;

	if (need_document(o, &pin->index, err) < 0 || need_document(o, &pin->manifest, err) < 0)
		return -1;
	for (size_t i = 0; i <= pin->n_layers; i++) {
		const struct blob_ref *b = i ? &pin->layers[i - 1].blob : &pin->config;
		bool twice = false;
		for (size_t k = 0; k < n; k++)
			twice |= strcmp(v[k]->digest, b->digest) == 0;
		if (!twice && !cache_has(o->cache, b->digest, b->size))
			v[n++] = b;
	}
	return n ? o->blobs(o, v, n, err) : 0;
}
