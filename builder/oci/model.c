#include "oci/model.h"
#include "base/json.h"
#include "base/str.h"
#include <inttypes.h>

enum { LAYERS_MAX = 64 };

/* What a layer is. Texts are read whole by who serves them. */
static const struct kind {
	const char *type, *part;
	bool weights;
} kinds[] = {
	{MODEL_TYPE "model", "weights", true},
	{MODEL_TYPE "projector", "projector", true},
	{MODEL_TYPE "adapter", "adapter", true},
	{MODEL_TYPE "draft", "draft model", true},
	{MODEL_TYPE "template", "template", false},
	{MODEL_TYPE "prompt", "template", false},
	{MODEL_TYPE "system", "system text", false},
	{MODEL_TYPE "params", "parameters", false},
	{MODEL_TYPE "messages", "messages", false},
	{MODEL_TYPE "license", "licence", false},
};

static const struct kind *kind_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

static int read_blob(const json_t *j, bool config, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *type, *digest;

	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (!(type = json_need_str(j, "mediaType", err)) || !(digest = json_need_str(j, "digest", err)) ||
		json_need_u64(j, "size", &ret->size, err) < 0)
		return -1;
	const struct kind *k = kind_of(type);
	if (!config && !k && (str_eq(type, MODEL_TYPE "tensor") || str_eq(type, MODEL_TYPE "json")))
		return err_set(err, ERR_VERIFY, "weights as single tensors (\"%s\"); kiln takes GGUF", type);
	if (config ? strcmp(type, TYPE_DOCKER_CONFIG) != 0 : !k)
		return err_set(err, ERR_VERIFY, "mediaType: \"%s\" is none of a model%s", document_shown(&b, type),
			config ? "'s config" : "");
	uint64_t max = k && k->weights ? BLOB_SIZE_MAX : DOCUMENT_MAX;
	ret->type = k ? k->type : TYPE_DOCKER_CONFIG;
	ret->digest = pin_digest(arena, "digest", digest, err);
	if (!ret->digest)
		return -1;
	if (ret->size < 1 || ret->size > max)
		return err_set(err, ERR_VERIFY, "size: expected 1 to %" PRIu64 ", found %" PRIu64, max, ret->size);
	return 0;
}

static int read_layers(const json_t *j, struct arena *arena, struct model_pin *p, struct err *err)
{
	json_t *list = json_need_array(j, "layers", err), *e;
	bool weights = false;
	size_t i;

	if (!list)
		return -1;
	if (json_array_size(list) > LAYERS_MAX)
		return err_set(err, ERR_VERIFY, "layers: more than %d", LAYERS_MAX);
	p->layers = arena_alloc(arena, (json_array_size(list) + 1) * sizeof *p->layers);
	json_array_foreach(list, i, e)
	{
		if (read_blob(e, false, arena, &p->layers[p->n_layers++], err) < 0)
			return err_wrap(err, "layers: entry %zu", i + 1);
		weights |= strcmp(p->layers[i].type, kinds[0].type) == 0;
	}
	if (!weights)
		return err_set(err, ERR_VERIFY, "no weights among its layers; kiln takes models that run here");
	return 0;
}

static int read_manifest(
	const json_t *j, const struct document *d, struct arena *arena, struct model_pin *p, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *type = json_string_value(json_object_get(j, "mediaType"));
	uint64_t version;

	if (json_need_u64(j, "schemaVersion", &version, err) < 0)
		return -1;
	if (version != 2)
		return err_set(err, ERR_VERIFY, "schemaVersion: expected 2, found %" PRIu64, version);
	if (json_object_get(j, "manifests"))
		return err_set(err, ERR_VERIFY, "it has \"manifests\": an index of images, not a model");
	type = type ? type : d->type;
	if (type && strcmp(type, TYPE_DOCKER_MANIFEST) != 0 && strcmp(type, TYPE_OCI_MANIFEST) != 0)
		return err_set(err, ERR_VERIFY, "no manifest of a model: its type is \"%s\"", document_shown(&b, type));
	if (read_layers(j, arena, p, err) < 0)
		return -1;
	json_t *config = json_need_object(j, "config", err);
	if (!config)
		return -1;
	return read_blob(config, true, arena, &p->config, err) < 0 ? err_wrap(err, "config") : 0;
}

int model_manifest_read(const struct document *d, struct arena *arena, struct model_pin *ret, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);
	struct model_pin p = {.manifest = ret->manifest};

	if (!j)
		return -1;
	if (read_manifest(j, d, arena, &p, err) < 0)
		return err_wrap(err, "%s", d->name);
	*ret = p;
	return 0;
}

int model_config_check(const struct document *d, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *format, *remote;

	if (!j)
		return -1;
	remote = json_string_value(json_object_get(j, "remote_host"));
	if (remote && *remote)
		return err_set(err, ERR_VERIFY, "%s: the model runs elsewhere, at \"%s\"", d->name,
			document_shown(&b, remote));
	if (!(format = json_need_str(j, "model_format", err)))
		return err_wrap(err, "%s", d->name);
	if (strcmp(format, "gguf") != 0)
		return err_set(err, ERR_VERIFY, "%s: its weights are \"%s\"; kiln takes GGUF", d->name,
			document_shown(&b, format));
	return 0;
}

const struct blob_ref *model_blob(const struct model_pin *p, size_t i)
{
	if (i < 2)
		return i ? &p->config : &p->manifest;
	return i - 2 < p->n_layers ? &p->layers[i - 2] : NULL;
}

const char *model_part(const struct model_pin *p, size_t i)
{
	return i == 0 ? "manifest" : i == 1 ? "config" : kind_of(p->layers[i - 2].type)->part;
}

uint64_t model_weights(const struct model_pin *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->n_layers; i++)
		n += kind_of(p->layers[i].type)->weights ? p->layers[i].size : 0;
	return n;
}

uint64_t model_missing(const struct cache *c, const struct model_pin *p, uint64_t *ret_all)
{
	uint64_t missing = 0, all = 0;
	const struct blob_ref *b;

	for (size_t i = 0; (b = model_blob(p, i)); i++) {
		all += b->size;
		missing += cache_has(c, b->digest, b->size) ? 0 : b->size;
	}
	if (ret_all)
		*ret_all = all;
	return missing;
}

json_t *model_pin_json(const struct model_pin *p)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < p->n_layers; i++)
		json_array_append_new(layers, blob_ref_json(&p->layers[i]));
	return json_pack("{s:o, s:o, s:o}", "manifest", blob_ref_json(&p->manifest), "config",
		blob_ref_json(&p->config), "layers", layers);
}

static int read_pinned(const json_t *j, bool config, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	if (blob_ref_read(j, BLOB_SIZE_MAX, arena, ret, err) < 0)
		return -1;
	const struct kind *k = kind_of(ret->type);
	if (config ? strcmp(ret->type, TYPE_DOCKER_CONFIG) != 0 : !k)
		return err_set(err, ERR_VERIFY, "type: none of a model");
	if (!(k && k->weights) && ret->size > DOCUMENT_MAX)
		return err_set(err, ERR_VERIFY, "size: expected a number from 1 to %d, found %" PRIu64, DOCUMENT_MAX,
			ret->size);
	return 0;
}

static int read_pinned_layers(const json_t *root, struct arena *arena, struct model_pin *p, struct err *err)
{
	json_t *list = json_need_array(root, "layers", err), *j;
	size_t i;

	if (!list)
		return -1;
	if (json_array_size(list) > LAYERS_MAX)
		return err_set(err, ERR_VERIFY, "layers: more than %d", LAYERS_MAX);
	p->layers = arena_alloc(arena, (json_array_size(list) + 1) * sizeof *p->layers);
	json_array_foreach(list, i, j)
	{
		if (read_pinned(j, false, arena, &p->layers[p->n_layers++], err) < 0)
			return err_wrap(err, "layers: entry %zu", i + 1);
	}
	return model_weights(p) ? 0 : err_set(err, ERR_VERIFY, "layers: no weights among them");
}

int model_pin_read(
	const json_t *j, const char *const *more, struct arena *arena, struct model_pin *ret, struct err *err)
{
	static const char *const own[] = {"manifest", "config", "layers", NULL};
	_cleanup_strvec_ struct strvec keys = STRVEC_INIT;
	struct model_pin p = {0};
	json_t *manifest, *config;

	strvec_add_all(&keys, own);
	if (more)
		strvec_add_all(&keys, more);
	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_only_keys(j, (const char *const *)keys.v, err) < 0 ||
		!(manifest = json_need_object(j, "manifest", err)) || !(config = json_need_object(j, "config", err)))
		return -1;
	if (blob_ref_read(manifest, DOCUMENT_MAX, arena, &p.manifest, err) < 0)
		return err_wrap(err, "manifest");
	if (read_pinned(config, true, arena, &p.config, err) < 0)
		return err_wrap(err, "config");
	if (read_pinned_layers(j, arena, &p, err) < 0)
		return -1;
	*ret = p;
	return 0;
}
