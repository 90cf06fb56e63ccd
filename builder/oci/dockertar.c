#include "oci/dockertar.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"

enum { DEPTH_MAX = 8 };

static bool is_called(const json_t *entry, const char *name, struct strbuf *names)
{
	const json_t *tags = json_object_get(entry, "RepoTags");
	bool is = false;

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *s = json_string_value(json_array_get(tags, i));
		if (!s)
			continue;
		strbuf_adds(names, names->len ? ", " : "");
		strbuf_add_plain(names, s);
		is |= str_eq(s, name);
	}
	return is;
}

static const json_t *choose(const json_t *list, const char *name, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	const json_t *found = NULL;
	size_t n = json_array_size(list), fits = 0;

	for (size_t i = 0; i < n; i++) {
		bool called = is_called(json_array_get(list, i), name, &names);
		if (called || !name) {
			found = json_array_get(list, i);
			fits++;
		}
	}
	if (fits == 1)
		return found;
	err_set(err, ERR_RESOLVE, "%s; there is: %.300s",
		fits   ? "it has several images"
		: name ? "it has no image of that name"
		       : "it has no image",
		names.len ? names.s : "nothing");
	if (fits)
		err_hint(err, "say which: archive:FILE:NAME");
	return NULL;
}

static json_t *descriptor(const char *type, const char *hex, uint64_t size)
{
	return json_pack("{s:s, s:s+, s:I}", "mediaType", type, "digest", "sha256:", hex, "size", (json_int_t)size);
}

/* Names go into messages. */
static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name >= 0x7f)
			return false;
	return true;
}

/* Take all files of an image into the cache and describe them. */
static json_t *make_manifest(const struct local *l, const json_t *entry, const struct cache *c, struct err *err)
{
	const char *config = json_need_str(entry, "Config", err);
	json_t *layers = config ? json_need_array(entry, "Layers", err) : NULL;
	_cleanup_json_ json_t *list = json_array();
	char hex[HASH_HEX];
	uint64_t size;

	if (!layers)
		return NULL;
	if (!is_plain(config)) {
		err_set(err, ERR_VERIFY, "Config: expected the name of a file");
		return NULL;
	}
	if (json_array_size(layers) > PIN_LAYERS_MAX) {
		err_set(err, ERR_VERIFY, "Layers: more than %d", PIN_LAYERS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < json_array_size(layers); i++) {
		const char *file = json_string_value(json_array_get(layers, i));
		if (!file || !is_plain(file)) {
			err_set(err, ERR_VERIFY, "Layers: entry %zu: expected the name of a file", i + 1);
			return NULL;
		}
		if (local_take(l, file, c, NULL, 0, hex, &size, err) < 0)
			return NULL;
		json_array_append_new(list, descriptor(TYPE_DOCKER_LAYER, hex, size));
	}
	if (local_take(l, config, c, NULL, 0, hex, &size, err) < 0)
		return NULL;
	return json_pack("{s:i, s:s, s:o, s:O}", "schemaVersion", 2, "mediaType", TYPE_DOCKER_MANIFEST, "config",
		descriptor(TYPE_DOCKER_CONFIG, hex, size), "layers", list);
}

static json_t *manifest_of(const struct local *l, const char *name, const struct cache *c, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = local_read(l, "manifest.json", DOCUMENT_MAX, &len, err);
	_cleanup_json_ json_t *list = text ? json_parse_shallow(text, len, "manifest.json", DEPTH_MAX, err) : NULL;

	if (!list)
		return NULL;
	if (!json_is_array(list)) {
		err_set(err, ERR_VERIFY, "manifest.json: expected an array");
		return NULL;
	}
	const json_t *entry = choose(list, name, err);
	json_t *made = entry ? make_manifest(l, entry, c, err) : NULL;
	if (entry && !made)
		err_wrap(err, "manifest.json");
	return made;
}

/* The layers are plain tars: the digest of each is its diff id. */
static int check_diff_ids(const struct image_pin *pin, struct err *err)
{
	for (size_t i = 0; i < pin->n_layers; i++)
		if (strcmp(pin->layers[i].blob.digest, pin->layers[i].diff_id) != 0)
			return err_set(err, ERR_VERIFY, "layer %zu: its SHA-256 is %s, its diff id %s", i + 1,
				pin->layers[i].blob.digest, pin->layers[i].diff_id);
	return 0;
}

static int pin_made(const char *text, struct cache *c, const struct platform *p, struct arena *arena,
	struct image_pin *ret, struct err *err)
{
	struct image_pin pin = {0};
	struct document d = {.text = text, .len = strlen(text), .name = "manifest"};
	char hex[HASH_HEX];

	if (cache_add_bytes(c, text, d.len, hex, err) < 0 || manifest_read(&d, arena, &pin, err) < 0)
		return -1;
	pin.manifest =
		(struct blob_ref){.digest = arena_strdup(arena, hex), .size = d.len, .type = TYPE_DOCKER_MANIFEST};
	_cleanup_free_ char *config = cache_read(c, pin.config.digest, pin.config.size, err);
	if (!config)
		return err->msg ? -1
				: err_set(err, ERR_IO, "config: it is not in the cache, where it was put a moment ago");
	d = (struct document){.text = config, .len = pin.config.size, .name = "config"};
	if (config_read(&d, p, arena, &pin, err) < 0 || check_diff_ids(&pin, err) < 0)
		return -1;
	*ret = pin;
	return 0;
}

int dockertar_pin(const struct local *l, const char *name, struct cache *c, const struct platform *p,
	struct arena *arena, struct image_pin *ret, struct err *err)
{
	_cleanup_json_ json_t *manifest = manifest_of(l, name, c, err);

	if (!manifest)
		return -1;
	_cleanup_free_ char *text = json_compact(manifest);
	return pin_made(text, c, p, arena, ret, err);
}

static bool is_there(const struct cache *c, const struct blob_ref *b)
{
	return cache_has(c, b->digest, b->size);
}

static bool all_there(const struct cache *c, const struct image_pin *pin)
{
	bool all = is_there(c, &pin->manifest) && is_there(c, &pin->config);

	for (size_t i = 0; i < pin->n_layers; i++)
		all &= is_there(c, &pin->layers[i].blob);
	return all;
}

/* Which file is which is known only when all have been hashed: the image is the one whose manifest comes out the same.
 */
int dockertar_fetch(const struct local *l, struct cache *c, const struct image_pin *pin, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = NULL;

	if (all_there(c, pin))
		return 0;
	text = local_read(l, "manifest.json", DOCUMENT_MAX, &len, err);
	_cleanup_json_ json_t *list = text ? json_parse_shallow(text, len, "manifest.json", DEPTH_MAX, err) : NULL;
	if (!list)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		_cleanup_json_ json_t *made = make_manifest(l, json_array_get(list, i), c, err);
		if (!made)
			return err_wrap(err, "manifest.json");
		_cleanup_free_ char *compact = json_compact(made);
		char hex[HASH_HEX];
		if (cache_add_bytes(c, compact, strlen(compact), hex, err) < 0)
			return -1;
		if (all_there(c, pin))
			return 0;
	}
	return err_set(
		err, ERR_VERIFY, "the archive has no image with the manifest sha256:%s any more", pin->manifest.digest);
}
