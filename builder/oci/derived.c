#include "oci/derived.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/manifest.h"
#include <string.h>
#include <time.h>

static json_t *parse(const struct upstream_blob *b, const char *name, struct err *err)
{
	json_t *j = json_parse(b->data, b->len, name, err);
	if (j && !json_is_object(j)) {
		err_set(err, ERR_VERIFY, "%s: expected an object", name);
		json_decref(j);
		return NULL;
	}
	return j;
}

static const char *text_of(const json_t *j, const char *key, struct arena *mem)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s && *s ? arena_strdup(mem, s) : NULL;
}

int image_run_read(const struct upstream_image *i, struct arena *mem, struct image_run *ret, struct err *err)
{
	_cleanup_json_ json_t *all = parse(&i->config, "config", err);
	if (!all)
		return err_wrap(err, "image %s", i->reference);
	const json_t *c = json_object_get(all, "config"), *env = json_object_get(c, "Env");
	size_t n = json_array_size(env), k = 0;
	*ret = (struct image_run){.user = text_of(c, "User", mem), .workdir = text_of(c, "WorkingDir", mem)};
	ret->env = arena_alloc(mem, (n + 1) * sizeof *ret->env);
	for (size_t e = 0; e < n; e++) {
		const char *text = json_string_value(json_array_get(env, e));
		if (text)
			ret->env[k++] = arena_strdup(mem, text);
	}
	return 0;
}

/* A list of the document, made when it is missing; NULL when it is something else. */
static json_t *list_in(json_t *j, const char *key, struct err *err)
{
	if (!json_object_get(j, key) || json_is_null(json_object_get(j, key)))
		json_object_set_new(j, key, json_array());
	return json_need_array(j, key, err);
}

static int change_config(json_t *c, const struct upstream_layer *top, uint64_t epoch, struct err *err)
{
	json_t *rootfs = json_need_object(c, "rootfs", err);
	json_t *diff_ids = rootfs ? json_need_array(rootfs, "diff_ids", err) : NULL;
	json_t *history = diff_ids ? list_in(c, "history", err) : NULL;
	time_t t = (time_t)epoch;
	struct tm tm;
	char created[32];
	if (!history)
		return -1;
	gmtime_r(&t, &tm);
	strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(c, "created", json_string(created));
	json_array_append_new(diff_ids, json_sprintf("sha256:%s", top->diff_id));
	/* A history that is there has an entry for every layer; a missing one needs none. */
	if (json_array_size(history))
		json_array_append_new(history, json_pack("{s:s, s:s}", "created", created, "created_by", "kiln"));
	else
		json_object_del(c, "history");
	return 0;
}

static int change_manifest(json_t *m, const struct upstream_layer *top, const char *config, size_t len, struct err *err)
{
	json_t *layers = json_need_array(m, "layers", err), *c = layers ? json_need_object(m, "config", err) : NULL;
	char hex[HASH_HEX];
	if (!c)
		return -1;
	hash_bytes(config, len, hex);
	json_object_set_new(c, "digest", json_sprintf("sha256:%s", hex));
	json_object_set_new(c, "size", json_integer((json_int_t)len));
	json_object_del(c, "data"); /* the config itself, embedded */
	json_array_append_new(layers, json_pack("{s:s, s:s+, s:I}", "mediaType", top->media_type, "digest",
					      "sha256:", top->digest, "size", (json_int_t)top->size));
	return 0;
}

static struct upstream_blob blob_of(const json_t *j, struct arena *mem)
{
	_cleanup_free_ char *text = json_compact(j);
	char hex[HASH_HEX];
	hash_bytes(text, strlen(text), hex);
	return (struct upstream_blob){
		.digest = arena_strdup(mem, hex), .data = arena_strdup(mem, text), .len = strlen(text)};
}

static int derive(const struct upstream_image *from, const struct upstream_layer *top, uint64_t epoch,
	struct arena *mem, struct upstream_image *ret, struct err *err)
{
	_cleanup_json_ json_t *config = parse(&from->config, "config", err);
	_cleanup_json_ json_t *manifest = config ? parse(&from->manifest, "manifest", err) : NULL;
	if (!manifest || change_config(config, top, epoch, err))
		return -1;
	ret->config = blob_of(config, mem);
	if (change_manifest(manifest, top, ret->config.data, ret->config.len, err))
		return -1;
	ret->manifest = blob_of(manifest, mem);
	return 0;
}

int image_derive(const struct upstream_image *from, const struct upstream_layer *top, const char *reference,
	uint64_t epoch, struct arena *mem, struct upstream_image *ret, struct err *err)
{
	struct upstream_layer own = *top;
	struct upstream_layer *layers = arena_alloc(mem, (from->n_layers + 1) * sizeof *layers);
	bool docker = from->n_layers && str_starts(from->layers[0].media_type, TYPE_DOCKER_LAYER);
	own.media_type = docker ? TYPE_DOCKER_LAYER : "application/vnd.oci.image.layer.v1.tar";
	memcpy(layers, from->layers, from->n_layers * sizeof *layers);
	layers[from->n_layers] = own;
	*ret = (struct upstream_image){
		.arch = from->arch, .reference = reference, .layers = layers, .n_layers = from->n_layers + 1};
	return derive(from, &own, epoch, mem, ret, err) ? err_wrap(err, "image %s", from->reference) : 0;
}
