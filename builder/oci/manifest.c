#include "oci/manifest.h"
#include "base/json.h"
#include "base/str.h"
#include <inttypes.h>

enum { DEPTH_MAX = 32, ENTRIES_MAX = 1000 };

static const char *const index_types[] = {TYPE_OCI_INDEX, TYPE_DOCKER_INDEX, NULL};
static const char *const manifest_types[] = {TYPE_OCI_MANIFEST, TYPE_DOCKER_MANIFEST, NULL};
static const char *const config_types[] = {TYPE_OCI_CONFIG, TYPE_DOCKER_CONFIG, NULL};
static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	TYPE_DOCKER_LAYER,
	TYPE_DOCKER_LAYER ".gzip",
	TYPE_DOCKER_LAYER ".zstd",
	NULL,
};

static const char *known(const char *type, const char *const *types)
{
	for (; type && *types; types++)
		if (strcmp(type, *types) == 0)
			return *types;
	return NULL;
}

const char *document_shown(struct strbuf *b, const char *s)
{
	strbuf_reset(b);
	strbuf_add_plain(b, s);
	if (b->len > 100)
		b->s[100] = 0;
	return strbuf_cstr(b);
}

json_t *document_parse(const struct document *d, struct err *err)
{
	if (d->len > DOCUMENT_MAX) {
		err_set(err, ERR_VERIFY, "%s: more than %s", d->name, str_bytes(DOCUMENT_MAX));
		return NULL;
	}
	json_t *j = json_parse_shallow(d->text, d->len, d->name, DEPTH_MAX, err);
	if (j && !json_is_object(j)) {
		err_set(err, ERR_VERIFY, "%s: expected an object", d->name);
		json_decref(j);
		return NULL;
	}
	return j;
}

/* A member that is a string when it is there at all. */
static int optional_str(const json_t *j, const char *key, const char **ret, struct err *err)
{
	*ret = NULL;
	if (!json_object_get(j, key) || json_is_null(json_object_get(j, key)))
		return 0;
	*ret = json_need_str(j, key, err);
	return *ret ? 0 : -1;
}

static int check_schema(const json_t *j, struct err *err)
{
	uint64_t version;

	if (json_need_u64(j, "schemaVersion", &version, err) < 0)
		return -1;
	if (version == 1)
		return err_set(
			err, ERR_VERIFY, "a manifest of Docker's schema 1, which no registry should serve any more");
	return version == 2 ? 0 : err_set(err, ERR_VERIFY, "schemaVersion: expected 2, found %" PRIu64, version);
}

static int find_kind(const json_t *j, const struct document *d, const char **ret_type, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const char *said, *type;
	bool is_index = json_object_get(j, "manifests"), is_manifest = json_object_get(j, "layers");

	if (check_schema(j, err) < 0 || optional_str(j, "mediaType", &said, err) < 0)
		return -1;
	/* One text with two readings is how a digest gets to mean two images. */
	if (is_index && is_manifest)
		return err_set(err, ERR_VERIFY, "it has \"manifests\" and \"layers\": index and manifest at once");
	type = said ? said : d->type;
	if (!type)
		type = is_index ? TYPE_OCI_INDEX : TYPE_OCI_MANIFEST;
	const char *index = known(type, index_types), *manifest = known(type, manifest_types);
	if (!index && !manifest)
		return err_set(err, ERR_VERIFY, "neither a manifest nor an index: its type is \"%s\"",
			document_shown(&plain, type));
	if (index ? !is_index : !is_manifest)
		return err_set(err, ERR_VERIFY, "its type is \"%s\", and it has no \"%s\"", type,
			index ? "manifests" : "layers");
	if (said && d->type && (known(d->type, index_types) || known(d->type, manifest_types)) &&
		strcmp(said, d->type) != 0)
		return err_set(err, ERR_VERIFY, "it says it is \"%s\", and came as \"%s\"", said, d->type);
	*ret_type = index ? index : manifest;
	return 0;
}

int manifest_kind(const struct document *d, enum document_kind *ret, const char **ret_type, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);

	if (!j)
		return -1;
	if (find_kind(j, d, ret_type, err) < 0)
		return err_wrap(err, "%s", d->name);
	*ret = known(*ret_type, index_types) ? DOCUMENT_INDEX : DOCUMENT_MANIFEST;
	return 0;
}

/* A descriptor (OCI image specification, "descriptor"): `types` are those we take. */
static int read_descriptor(const json_t *j, const char *const *types, uint64_t max, struct arena *arena,
	struct blob_ref *ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const char *type, *digest;

	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (!(type = json_need_str(j, "mediaType", err)) || !(digest = json_need_str(j, "digest", err)) ||
		json_need_u64(j, "size", &ret->size, err) < 0)
		return -1;
	ret->type = known(type, types);
	if (!ret->type && types == layer_types && (strstr(type, "foreign") || strstr(type, "nondistributable")))
		return err_set(
			err, ERR_VERIFY, "a layer that is not in the registry (\"%s\")", document_shown(&plain, type));
	if (!ret->type && strstr(type, "+encrypted"))
		return err_set(err, ERR_VERIFY, "an encrypted layer (\"%s\")", document_shown(&plain, type));
	if (!ret->type)
		return err_set(err, ERR_VERIFY, "mediaType: \"%s\" is none of an image", document_shown(&plain, type));
	ret->digest = pin_digest(arena, "digest", digest, err);
	if (!ret->digest)
		return -1;
	if (ret->size < 1 || ret->size > max)
		return err_set(err, ERR_VERIFY, "size: expected 1 to %" PRIu64 ", found %" PRIu64, max, ret->size);
	return 0;
}

int manifest_descriptor(const json_t *j, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	static const char *const types[] = {
		TYPE_OCI_INDEX, TYPE_DOCKER_INDEX, TYPE_OCI_MANIFEST, TYPE_DOCKER_MANIFEST, NULL};

	return read_descriptor(j, types, DOCUMENT_MAX, arena, ret, err);
}

/* How well an entry of an index fits: 3 the very variant, 2 no variant, 1 no platform said, 0 another. */
static int fit(const json_t *entry, const struct platform *p, struct strbuf *there, struct err *err)
{
	const json_t *platform = json_object_get(entry, "platform");
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const char *os, *arch, *variant;

	if (!platform)
		return 1;
	if (!json_is_object(platform))
		return err_set(err, ERR_VERIFY, "platform: expected an object");
	if (optional_str(platform, "os", &os, err) < 0 || optional_str(platform, "architecture", &arch, err) < 0 ||
		optional_str(platform, "variant", &variant, err) < 0)
		return -1;
	if (!os || !arch)
		return err_set(err, ERR_VERIFY, "platform: os and architecture are missing");
	if (strcmp(os, "unknown") != 0) { /* that is what attestations are filed under */
		_cleanup_free_ char *text =
			xasprintf("%s/%s%s%s", os, arch, variant ? "/" : "", variant ? variant : "");
		strbuf_addf(there, "%s%s", there->len ? ", " : "", document_shown(&plain, text));
	}
	if (strcmp(os, "linux") != 0 || strcmp(arch, p->oci) != 0)
		return 0;
	if (!variant || !*variant)
		return 2;
	return str_eq(variant, p->variant) ? 3 : 0;
}

static int choose(
	const json_t *list, const struct platform *p, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf there = STRBUF_INIT;
	const json_t *best = NULL;
	size_t n = json_array_size(list), at = 0;
	int best_fit = n == 1 ? 0 : 1; /* without a platform only when there is no choice */

	if (n > ENTRIES_MAX)
		return err_set(err, ERR_VERIFY, "manifests: more than %d entries", ENTRIES_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(list, i);
		int f = json_is_object(e) ? fit(e, p, &there, err) : err_set(err, ERR_VERIFY, "expected an object");
		if (f < 0)
			return err_wrap(err, "manifests: entry %zu", i + 1);
		if (f > best_fit) {
			best = e;
			best_fit = f;
			at = i;
		}
	}
	if (!best)
		return err_set(err, ERR_RESOLVE, "there is none for linux/%s%s%s; there is: %.500s", p->oci,
			p->variant ? "/" : "", p->variant ? p->variant : "", there.len ? there.s : "nothing");
	if (known(json_string_value(json_object_get(best, "mediaType")), index_types))
		return err_set(err, ERR_VERIFY, "manifests: entry %zu: an index in an index", at + 1);
	if (read_descriptor(best, manifest_types, DOCUMENT_MAX, arena, ret, err) < 0)
		return err_wrap(err, "manifests: entry %zu", at + 1);
	return 0;
}

int index_choose(
	const struct document *d, const struct platform *p, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);
	const char *type;
	json_t *list;

	if (!j)
		return -1;
	if (find_kind(j, d, &type, err) < 0 || !(list = json_need_array(j, "manifests", err)) ||
		choose(list, p, arena, ret, err) < 0)
		return err_wrap(err, "%s", d->name);
	return 0;
}

static int read_layers(const json_t *list, struct arena *arena, struct image_pin *pin, struct err *err)
{
	json_t *e;
	size_t i;

	if (json_array_size(list) > PIN_LAYERS_MAX)
		return err_set(err, ERR_VERIFY, "%zu layers, at most %d can be stacked", json_array_size(list),
			PIN_LAYERS_MAX);
	if (!json_array_size(list))
		return err_set(err, ERR_VERIFY, "it has no layers");
	pin->layers = arena_alloc(arena, json_array_size(list) * sizeof *pin->layers);
	json_array_foreach(list, i, e)
	{
		if (read_descriptor(e, layer_types, BLOB_SIZE_MAX, arena, &pin->layers[pin->n_layers++].blob, err) < 0)
			return err_wrap(err, "layers: entry %zu", i + 1);
	}
	return 0;
}

static int read_manifest(const json_t *j, struct arena *arena, struct image_pin *pin, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	json_t *config = json_need_object(j, "config", err), *layers;

	if (!config)
		return -1;
	const char *type = json_string_value(json_object_get(config, "mediaType"));
	if (type && !known(type, config_types))
		return err_set(err, ERR_VERIFY, "no container image: its config is of type \"%s\"",
			document_shown(&plain, type));
	if (read_descriptor(config, config_types, DOCUMENT_MAX, arena, &pin->config, err) < 0)
		return err_wrap(err, "config");
	layers = json_need_array(j, "layers", err);
	return layers ? read_layers(layers, arena, pin, err) : -1;
}

int manifest_read(const struct document *d, struct arena *arena, struct image_pin *ret, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);
	struct image_pin pin = *ret;
	const char *type;

	if (!j)
		return -1;
	pin.n_layers = 0;
	if (find_kind(j, d, &type, err) < 0 || read_manifest(j, arena, &pin, err) < 0)
		return err_wrap(err, "%s", d->name);
	*ret = pin;
	return 0;
}

static int check_platform(const json_t *j, const struct platform *p, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const char *os = json_need_str(j, "os", err), *arch = os ? json_need_str(j, "architecture", err) : NULL;

	if (!arch)
		return -1;
	if (strcmp(os, "linux") == 0 && strcmp(arch, p->oci) == 0)
		return 0;
	_cleanup_free_ char *text = xasprintf("%s/%s", os, arch);
	return err_set(
		err, ERR_RESOLVE, "the image is for %s, wanted is linux/%s", document_shown(&plain, text), p->oci);
}

static int read_diff_ids(const json_t *j, struct arena *arena, struct image_pin *pin, struct err *err)
{
	json_t *rootfs = json_need_object(j, "rootfs", err), *list;

	if (!rootfs)
		return -1;
	if (!str_eq(json_string_value(json_object_get(rootfs, "type")), "layers"))
		return err_set(err, ERR_VERIFY, "rootfs: its type is not \"layers\"");
	list = json_need_array(rootfs, "diff_ids", err);
	if (!list)
		return err_wrap(err, "rootfs");
	if (json_array_size(list) != pin->n_layers)
		return err_set(
			err, ERR_VERIFY, "rootfs: %zu diff ids for %zu layers", json_array_size(list), pin->n_layers);
	for (size_t i = 0; i < pin->n_layers; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text)
			return err_set(err, ERR_VERIFY, "rootfs: diff_ids: entry %zu: expected a string", i + 1);
		pin->layers[i].diff_id = pin_digest(arena, "diff_ids", text, err);
		if (!pin->layers[i].diff_id)
			return err_wrap(err, "rootfs");
	}
	return 0;
}

int config_read(
	const struct document *d, const struct platform *p, struct arena *arena, struct image_pin *pin, struct err *err)
{
	_cleanup_json_ json_t *j = document_parse(d, err);

	if (!j)
		return -1;
	if (check_platform(j, p, err) < 0 || read_diff_ids(j, arena, pin, err) < 0)
		return err_wrap(err, "%s", d->name);
	return 0;
}
