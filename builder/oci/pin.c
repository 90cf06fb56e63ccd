#include "oci/pin.h"
#include "base/json.h"
#include "base/str.h"
#include <inttypes.h>

const char *pin_digest(struct arena *arena, const char *key, const char *text, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	if (str_starts(text, "sha256:") && strlen(text) == 71 && strspn(text + 7, "0123456789abcdef") == 64)
		return arena_strdup(arena, text + 7);
	strbuf_add_plain(&plain, text);
	if (str_starts(text, "sha512:"))
		err_set(err, ERR_VERIFY, "%s: a SHA-512 digest, kiln keeps images by SHA-256 only", key);
	else
		err_set(err, ERR_VERIFY, "%s: expected sha256: and 64 hex digits, found \"%.100s\"", key,
			strbuf_cstr(&plain));
	return NULL;
}

json_t *blob_ref_json(const struct blob_ref *b)
{
	return json_pack(
		"{s:s+, s:I, s:s}", "digest", "sha256:", b->digest, "size", (json_int_t)b->size, "type", b->type);
}

const struct blob_ref *pin_blob(const struct image_pin *p, size_t i)
{
	i += p->index.digest ? 0 : 1;
	if (i < 3)
		return i == 0 ? &p->index : i == 1 ? &p->manifest : &p->config;
	return i - 3 < p->n_layers ? &p->layers[i - 3].blob : NULL;
}

json_t *pin_json(const struct image_pin *p)
{
	json_t *j = json_object(), *layers = json_array();

	if (p->index.digest)
		json_object_set_new(j, "index", blob_ref_json(&p->index));
	json_object_set_new(j, "manifest", blob_ref_json(&p->manifest));
	json_object_set_new(j, "config", blob_ref_json(&p->config));
	for (size_t i = 0; i < p->n_layers; i++) {
		json_t *l = blob_ref_json(&p->layers[i].blob);
		json_object_set_new(l, "diff_id", json_sprintf("sha256:%s", p->layers[i].diff_id));
		json_array_append_new(layers, l);
	}
	json_object_set_new(j, "layers", layers);
	return j;
}

/* Media types are shown and written into manifests: letters, digits and the marks of RFC 6838. */
static bool is_type(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-/");

	return n > 2 && n < 256 && !s[n];
}

static int read_blob(const json_t *j, uint64_t max, const char *const *keys, struct arena *arena, struct blob_ref *ret,
	struct err *err)
{
	const char *digest, *type;

	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_only_keys(j, keys, err) < 0 || !(digest = json_need_str(j, "digest", err)) ||
		!(ret->digest = pin_digest(arena, "digest", digest, err)) ||
		json_need_u64(j, "size", &ret->size, err) < 0 || !(type = json_need_str(j, "type", err)))
		return -1;
	if (ret->size < 1 || ret->size > max)
		return err_set(err, ERR_VERIFY, "size: expected a number from 1 to %" PRIu64 ", found %" PRIu64, max,
			ret->size);
	if (!is_type(type))
		return err_set(err, ERR_VERIFY, "type: no media type");
	ret->type = arena_strdup(arena, type);
	return 0;
}

static const char *const blob_keys[] = {"digest", "size", "type", NULL};
static const char *const layer_keys[] = {"digest", "size", "type", "diff_id", NULL};

int blob_ref_read(const json_t *j, uint64_t max, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	return read_blob(j, max, blob_keys, arena, ret, err);
}

static int read_document(
	const json_t *root, const char *key, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	json_t *j = json_object_get(root, key);

	if (!j)
		return err_set(err, ERR_VERIFY, "%s: missing", key);
	return read_blob(j, DOCUMENT_MAX, blob_keys, arena, ret, err) < 0 ? err_wrap(err, "%s", key) : 0;
}

static int read_layer(const json_t *j, struct arena *arena, struct pin_layer *ret, struct err *err)
{
	const char *diff_id;

	if (read_blob(j, BLOB_SIZE_MAX, layer_keys, arena, &ret->blob, err) < 0 ||
		!(diff_id = json_need_str(j, "diff_id", err)))
		return -1;
	ret->diff_id = pin_digest(arena, "diff_id", diff_id, err);
	return ret->diff_id ? 0 : -1;
}

static int read_layers(const json_t *root, struct arena *arena, struct image_pin *p, struct err *err)
{
	json_t *list = json_need_array(root, "layers", err), *j;
	size_t i;

	if (!list)
		return -1;
	if (json_array_size(list) > PIN_LAYERS_MAX)
		return err_set(err, ERR_VERIFY, "layers: more than %d", PIN_LAYERS_MAX);
	p->layers = arena_alloc(arena, (json_array_size(list) + 1) * sizeof *p->layers);
	json_array_foreach(list, i, j)
	{
		if (read_layer(j, arena, &p->layers[p->n_layers++], err) < 0)
			return err_wrap(err, "layers: entry %zu", i + 1);
	}
	return 0;
}

int pin_read(const json_t *j, const char *const *more, struct arena *arena, struct image_pin *ret, struct err *err)
{
	static const char *const own[] = {"index", "manifest", "config", "layers", NULL};
	_cleanup_strvec_ struct strvec keys = STRVEC_INIT;
	struct image_pin p = {0};

	strvec_add_all(&keys, own);
	if (more)
		strvec_add_all(&keys, more);
	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_only_keys(j, (const char *const *)keys.v, err) < 0 ||
		(json_object_get(j, "index") && read_document(j, "index", arena, &p.index, err) < 0) ||
		read_document(j, "manifest", arena, &p.manifest, err) < 0 ||
		read_document(j, "config", arena, &p.config, err) < 0 || read_layers(j, arena, &p, err) < 0)
		return -1;
	*ret = p;
	return 0;
}
