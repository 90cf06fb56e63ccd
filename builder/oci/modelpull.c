/* Models from registries: asked for, remembered for --offline, fetched. */
#include "base/hash.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/model.h"

enum { RECORD_MAX = 1 << 20 };

/* What a name meant when it was last asked for: CACHE/models/HEX.json. */
static char *record_path(const struct cache *c, const char *name)
{
	_cleanup_free_ char *file = NULL;
	char hex[HASH_HEX];

	hash_bytes(name, strlen(name), hex);
	file = xasprintf("models/%s.json", hex);
	return cache_path(c, file);
}

static int record_write(struct cache *c, const char *name, const struct model_pin *pin, struct err *err)
{
	_cleanup_free_ char *path = record_path(c, name);
	_cleanup_json_ json_t *j = model_pin_json(pin);

	json_object_set_new(j, "name", json_string(name));
	return json_write(path, j, err);
}

static int record_read(struct cache *c, const char *name, struct arena *arena, struct model_pin *ret, struct err *err)
{
	static const char *const own[] = {"name", NULL};
	_cleanup_free_ char *path = record_path(c, name);

	if (!path_exists(path)) {
		err_set(err, ERR_NETWORK, "model %s: what it is was never asked, and --offline forbids to ask", name);
		return err_hint(err, "run \"kiln lock\" once with a network");
	}
	_cleanup_json_ json_t *j = json_read(path, RECORD_MAX, err);
	if (!j)
		return -1;
	return model_pin_read(j, own, arena, ret, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

/* From the cache, brought there from `s`, when that is given and it is missing. */
static char *read_cached(const struct pull_site *s, const struct pull *p, const struct blob_ref *b, struct err *err)
{
	const struct blob_ref *v[] = {b};
	char *text = cache_read(p->cache, b->digest, b->size, err);

	if (text || err->msg || (s && pull_blobs(s, v, 1, err) < 0))
		return text;
	text = cache_read(p->cache, b->digest, b->size, err);
	if (!text && !err->msg)
		err_set(err, ERR_IO, "sha256:%s is not in the cache, where it was put a moment ago", b->digest);
	return text;
}

struct asked {
	const struct pull *pull;
	const struct reference *ref;
	struct arena *arena;
	struct model_pin *pin;	       /* to be found out, or ... */
	const struct model_pin *fetch; /* ... to be brought */
};

static int pin_at(const struct pull_site *s, void *arg, struct err *err)
{
	struct asked *a = arg;
	struct model_pin pin = {0};

	if (pull_document(s, a->ref->digest, a->arena, &pin.manifest, err) < 0)
		return -1;
	_cleanup_free_ char *text = read_cached(NULL, a->pull, &pin.manifest, err), *config = NULL;
	if (!text)
		return -1;
	struct document d = {.text = text, .len = pin.manifest.size, .type = pin.manifest.type, .name = "manifest"};
	if (model_manifest_read(&d, a->arena, &pin, err) < 0)
		return -1;
	/* Ollama's registry says "text/plain", and the manifest may say nothing. */
	pin.manifest.type = TYPE_DOCKER_MANIFEST;
	config = read_cached(s, a->pull, &pin.config, err);
	d = (struct document){.text = config, .len = pin.config.size, .name = "config"};
	if (!config || model_config_check(&d, err) < 0)
		return -1;
	*a->pin = pin;
	return 0;
}

int model_pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct model_pin *ret, struct err *err)
{
	const char *name = reference_text(arena, ref);
	struct asked a = {.pull = p, .ref = ref, .arena = arena, .pin = ret};

	if (registry_net(p->registry)->offline)
		return record_read(p->cache, name, arena, ret, err);
	return pull_everywhere(p, "model", ref, pin_at, &a, err) < 0 ? -1 : record_write(p->cache, name, ret, err);
}

static int fetch_at(const struct pull_site *s, void *arg, struct err *err)
{
	struct asked *a = arg;
	const struct model_pin *pin = a->fetch;
	const struct cache *c = a->pull->cache;
	_cleanup_free_ const struct blob_ref **v = xcalloc(pin->n_layers + 1, sizeof *v);
	const struct blob_ref *b, *m = &pin->manifest;
	struct arena arena = {0};
	size_t n = 0;
	int r = 0;

	if (!cache_has(c, m->digest, m->size)) {
		struct blob_ref got = {0};
		r = pull_document(s, m->digest, &arena, &got, err);
		if (r == 0 && got.size != m->size)
			r = err_set(err, ERR_VERIFY, "manifest sha256:%s: %ju bytes, expected are %ju", m->digest,
				(uintmax_t)got.size, (uintmax_t)m->size);
	}
	for (size_t i = 1; (b = model_blob(pin, i)); i++) {
		bool twice = false;
		for (size_t k = 0; k < n; k++)
			twice |= strcmp(v[k]->digest, b->digest) == 0;
		if (!twice && !cache_has(c, b->digest, b->size))
			v[n++] = b;
	}
	if (r == 0 && n)
		r = pull_blobs(s, v, n, err);
	arena_release(&arena);
	return r;
}

int model_pull_fetch(const struct pull *p, const struct reference *ref, const struct model_pin *pin, struct err *err)
{
	struct asked a = {.pull = p, .ref = ref, .fetch = pin};

	if (model_missing(p->cache, pin, NULL) == 0)
		return 0;
	if (!registry_net(p->registry)->offline)
		return pull_everywhere(p, "model", ref, fetch_at, &a, err);
	err_set(err, ERR_NETWORK, "model %s/%s:%s: not all of it is in the cache, and --offline forbids to fetch it",
		ref->registry, ref->path, ref->tag);
	return err_hint(err, "run \"kiln fetch\" with a network");
}
