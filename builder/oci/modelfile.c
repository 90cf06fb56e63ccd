#include "oci/modelfile.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "config/gguf.h"

static int add_text(struct cache *c, const char *type, const char *text, size_t len, struct arena *arena,
	struct blob_ref *ret, struct err *err)
{
	char hex[HASH_HEX];

	if (cache_add_bytes(c, text, len, hex, err) < 0)
		return -1;
	*ret = (struct blob_ref){.digest = arena_strdup(arena, hex), .size = len, .type = type};
	return 0;
}

static int add_layer(struct cache *c, const char *type, const char *text, size_t len, struct arena *arena,
	struct model_pin *p, struct err *err)
{
	if (!text || !len)
		return 0;
	return add_text(c, type, text, len, arena, &p->layers[p->n_layers++], err);
}

static int add_license(
	const struct model_file *m, struct cache *c, struct arena *arena, struct model_pin *p, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = m->license ? path_read(m->license, DOCUMENT_MAX, &len, err) : NULL;

	if (!m->license)
		return 0;
	return text ? add_layer(c, MODEL_TYPE "license", text, len, arena, p, err) : -1;
}

/* Read once to know it, copied only when the cache does not have it. */
static int add_weights(const struct model_file *m, uint64_t size, struct cache *c, struct arena *arena,
	struct blob_ref *ret, struct err *err)
{
	char hex[HASH_HEX], copied[HASH_HEX];
	struct progress_step *step = progress_begin("model", path_base(m->file), 0, PROGRESS_COUNT);
	int r = hash_file(m->file, hex, err);

	if (r == 0 && !cache_has(c, hex, size)) {
		r = cache_add_file(c, m->file, copied, err);
		if (r == 0 && strcmp(hex, copied) != 0)
			r = err_set(err, ERR_IO, "%s: it changed while it was read", m->file);
	}
	progress_end(step, r == 0);
	*ret = (struct blob_ref){.digest = arena_strdup(arena, hex), .size = size, .type = MODEL_TYPE "model"};
	return r;
}

/* What lists of models show of it. */
static char *config_text(const struct gguf *g)
{
	_cleanup_free_ char *count = gguf_count(g->parameters);
	_cleanup_json_ json_t *j = json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:s}", "model_format", "gguf",
		"model_family", g->architecture, "model_families", g->architecture, "model_type", count, "file_type",
		g->quantisation, "architecture", "amd64", "os", "linux");

	return json_compact(j);
}

static json_t *descriptor(const struct blob_ref *b)
{
	return json_pack(
		"{s:s, s:s+, s:I}", "mediaType", b->type, "digest", "sha256:", b->digest, "size", (json_int_t)b->size);
}

static char *manifest_text(const struct model_pin *p)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < p->n_layers; i++)
		json_array_append_new(layers, descriptor(&p->layers[i]));
	_cleanup_json_ json_t *j = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
		TYPE_DOCKER_MANIFEST, "config", descriptor(&p->config), "layers", layers);
	return json_compact(j);
}

static int make(const struct model_file *m, struct cache *c, struct arena *arena, struct model_pin *p, struct err *err)
{
	static const char *const types[] = {MODEL_TYPE "template", MODEL_TYPE "system", MODEL_TYPE "params"};
	const char *texts[] = {m->template, m->system, m->parameters};
	struct gguf g;

	if (gguf_read(m->file, arena, &g, err) < 0)
		return -1;
	p->layers = arena_alloc(arena, 5 * sizeof *p->layers);
	if (add_weights(m, g.size, c, arena, &p->layers[p->n_layers++], err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (add_layer(c, types[i], texts[i], texts[i] ? strlen(texts[i]) : 0, arena, p, err) < 0)
			return -1;
	_cleanup_free_ char *config = config_text(&g);
	if (add_license(m, c, arena, p, err) < 0 ||
		add_text(c, TYPE_DOCKER_CONFIG, config, strlen(config), arena, &p->config, err) < 0)
		return -1;
	_cleanup_free_ char *manifest = manifest_text(p);
	return add_text(c, TYPE_DOCKER_MANIFEST, manifest, strlen(manifest), arena, &p->manifest, err);
}

int model_file_pin(
	const struct model_file *m, struct cache *c, struct arena *arena, struct model_pin *ret, struct err *err)
{
	struct model_pin p = {0};

	if (make(m, c, arena, &p, err) < 0)
		return err_wrap(err, "model %s", m->name);
	*ret = p;
	return 0;
}

int model_file_fetch(const struct model_file *m, struct cache *c, const struct model_pin *pin, struct err *err)
{
	struct arena arena = {0};
	struct model_pin now = {0};

	if (model_missing(c, pin, NULL) == 0)
		return 0;
	int r = model_file_pin(m, c, &arena, &now, err);
	for (size_t i = 0; r == 0; i++) {
		const struct blob_ref *want = i < pin->n_layers ? &pin->layers[i] : &pin->manifest;
		const struct blob_ref *got = i < now.n_layers ? &now.layers[i] : &now.manifest;
		if (strcmp(want->digest, got->digest) != 0) {
			r = err_set(err, ERR_VERIFY, "model %s: %s: the SHA-256 of its %s is %s, the lock has %s",
				m->name, m->file, i < pin->n_layers ? model_part(pin, i + 2) : "manifest", got->digest,
				want->digest);
			err_hint(err, "bring the file that was locked, or \"kiln lock\" pins this one");
		}
		if (i >= pin->n_layers)
			break;
	}
	arena_release(&arena);
	return r;
}
