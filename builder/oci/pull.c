#include "oci/pull.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"

/* One place of one image. */
struct visit {
	const struct pull *pull;
	const struct mirror_place *at;
	const struct reference *ref;
	struct arena *arena;
	const char *name;
};

/* Bring a document into the cache. `digest` NULL: whatever the tag means now. */
static int bring(const struct visit *v, const char *digest, struct blob_ref *ret, struct err *err)
{
	_cleanup_free_ char *what = digest ? xasprintf("sha256:%s", digest) : xstrdup(v->ref->tag);
	_cleanup_response_ struct response r = {0};
	char found[HASH_HEX];

	if (registry_document(v->pull->registry, v->at, what, &r, err) < 0)
		return -1;
	hash_bytes(r.body, r.len, found);
	if (digest && strcmp(digest, found) != 0)
		return err_set(err, ERR_VERIFY, "manifest: its SHA-256 is %s, expected is %s", found, digest);
	if (cache_add_bytes(v->pull->cache, r.body, r.len, found, err) < 0)
		return -1;
	*ret = (struct blob_ref){
		.digest = arena_strdup(v->arena, found),
		.size = r.len,
		.type = r.type ? arena_strdup(v->arena, r.type) : NULL,
	};
	return 0;
}

static int document(const struct origin *o, const struct blob_ref *b, struct err *err)
{
	struct blob_ref got;

	if (bring(o->arg, b->digest, &got, err) < 0)
		return -1;
	if (got.size != b->size)
		return err_set(err, ERR_VERIFY, "manifest sha256:%s: %ju bytes, expected are %ju", b->digest,
			(uintmax_t)got.size, (uintmax_t)b->size);
	return 0;
}

static int blobs(const struct origin *o, const struct blob_ref *const *list, size_t n, struct err *err)
{
	const struct visit *v = o->arg;
	_cleanup_free_ struct download *d = xcalloc(n, sizeof *d);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *what = xasprintf("blob %.12s", list[i]->digest);
		d[i] = registry_blob(v->pull->registry, v->at, list[i]->digest, list[i]->size, what);
	}
	return download_all(o->cache, d, n, registry_net(v->pull->registry), err);
}

/* What is to be done at a place: pin when `pin` is given, else fetch. */
static int try(const struct visit *visit, struct image_pin *pin, const struct image_pin *fetch, struct err *err)
{
	struct visit v = *visit;
	struct origin o = {.name = v.name, .cache = v.pull->cache, .document = document, .blobs = blobs, .arg = &v};
	struct blob_ref root;

	if (fetch)
		return origin_fetch(&o, fetch, err);
	if (bring(&v, v.ref->digest, &root, err) < 0)
		return -1;
	return origin_pin(&o, &root, v.pull->platform, v.arena, pin, err);
}

static int everywhere(const struct pull *p, const struct reference *ref, struct arena *arena, struct image_pin *pin,
	const struct image_pin *fetch, struct err *err)
{
	struct mirror_places places = {0};
	struct visit v = {.pull = p, .ref = ref, .arena = arena, .name = reference_text(arena, ref)};
	int r = -1;

	mirrors_of(p->mirrors, arena, ref, &places);
	for (size_t i = 0; r < 0 && i < places.all.n; i++) {
		_cleanup_err_ struct err why = ERR_INIT;
		v.at = &places.all.v[i];
		r = try(&v, pin, fetch, &why);
		if (r == 0)
			break;
		bool next = i + 1 < places.all.n && (why.kind == ERR_NETWORK || why.kind == ERR_RESOLVE);
		if (next) {
			log_warn("mirror %s: %s", v.at->registry, why.msg);
			continue;
		}
		err_move(err, &why);
		err_wrap(err, "image %s", v.name);
		break;
	}
	vec_release(&places.all);
	return r;
}

int pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct image_pin *ret, struct err *err)
{
	return everywhere(p, ref, arena, ret, NULL, err);
}

int pull_fetch(const struct pull *p, const struct reference *ref, const struct image_pin *pin, struct err *err)
{
	struct arena arena = {0};
	int r = everywhere(p, ref, &arena, NULL, pin, err);

	arena_release(&arena);
	return r;
}
