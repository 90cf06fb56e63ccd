#include "oci/pull.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"

/* One place of one reference. */
struct pull_site {
	const struct pull *pull;
	const struct mirror_place *at;
	const struct reference *ref;
	const char *name, *kind;
};

/* What came is not what its digest says: the same to do for who pins and who fetches. */
static int lied(const struct pull_site *s, struct err *err)
{
	if (err->kind == ERR_VERIFY)
		err_hint(err,
			"%s sent it: try again; if it stays so, take another mirror, or pin another version of the %s",
			s->at->registry, s->kind);
	return -1;
}

int pull_document(
	const struct pull_site *s, const char *digest, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	_cleanup_free_ char *what = digest ? xasprintf("sha256:%s", digest) : xstrdup(s->ref->tag);
	_cleanup_response_ struct response r = {0};
	char found[HASH_HEX];

	if (registry_document(s->pull->registry, s->at, what, &r, err) < 0)
		return lied(s, err);
	hash_bytes(r.body, r.len, found);
	if (digest && strcmp(digest, found) != 0) {
		err_set(err, ERR_VERIFY, "manifest: its SHA-256 is %s, expected is %s", found, digest);
		return lied(s, err);
	}
	if (cache_add_bytes(s->pull->cache, r.body, r.len, found, err) < 0)
		return -1;
	*ret = (struct blob_ref){
		.digest = arena_strdup(arena, found),
		.size = r.len,
		.type = r.type ? arena_strdup(arena, r.type) : NULL,
	};
	return 0;
}

int pull_blobs(const struct pull_site *s, const struct blob_ref *const *list, size_t n, struct err *err)
{
	_cleanup_free_ struct download *d = xcalloc(n + 1, sizeof *d);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *what = xasprintf("blob %.12s", list[i]->digest);
		d[i] = registry_blob(s->pull->registry, s->at, list[i]->digest, list[i]->size, what);
	}
	return download_all(s->pull->cache, d, n, registry_net(s->pull->registry), err) < 0 ? lied(s, err) : 0;
}

int pull_everywhere(const struct pull *p, const char *kind, const struct reference *ref,
	int (*fn)(const struct pull_site *s, void *arg, struct err *err), void *arg, struct err *err)
{
	struct arena arena = {0};
	struct mirror_places places = {0};
	struct pull_site s = {.pull = p, .ref = ref, .name = reference_text(&arena, ref), .kind = kind};
	int r = -1;

	mirrors_of(p->mirrors, &arena, ref, &places);
	for (size_t i = 0; r < 0 && i < places.all.n; i++) {
		_cleanup_err_ struct err why = ERR_INIT;
		bool last = i + 1 == places.all.n;
		s.at = &places.all.v[i];
		if (!last && registry_gives_way(p->registry, s.at, s.name))
			continue;
		r = fn(&s, arg, &why);
		if (r == 0)
			break;
		if (!last && (why.kind == ERR_NETWORK || why.kind == ERR_RESOLVE)) {
			registry_gave_way(p->registry, s.at, s.name);
			log_warn("mirror %s: %s", s.at->registry, why.msg);
			continue;
		}
		err_move(err, &why);
		err_wrap(err, "%s %s", kind, s.name);
		break;
	}
	vec_release(&places.all);
	arena_release(&arena);
	return r;
}

/* What is to be done with an image: pin when `pin` is given, else fetch. */
struct job {
	const struct pull_site *site;
	struct arena *arena;
	struct image_pin *pin;
	const struct image_pin *fetch;
};

static int document(const struct origin *o, const struct blob_ref *b, struct err *err)
{
	const struct job *j = o->arg;
	struct blob_ref got;

	if (pull_document(j->site, b->digest, j->arena, &got, err) < 0)
		return -1;
	if (got.size != b->size)
		return err_set(err, ERR_VERIFY, "manifest sha256:%s: %ju bytes, expected are %ju", b->digest,
			(uintmax_t)got.size, (uintmax_t)b->size);
	return 0;
}

static int blobs(const struct origin *o, const struct blob_ref *const *list, size_t n, struct err *err)
{
	return pull_blobs(((const struct job *)o->arg)->site, list, n, err);
}

static int image_at(const struct pull_site *s, void *arg, struct err *err)
{
	struct job j = *(struct job *)arg;
	struct origin o = {.name = s->name, .cache = s->pull->cache, .document = document, .blobs = blobs, .arg = &j};
	struct blob_ref root;

	j.site = s;
	if (j.fetch)
		return origin_fetch(&o, j.fetch, err);
	if (pull_document(s, s->ref->digest, j.arena, &root, err) < 0)
		return -1;
	return origin_pin(&o, &root, s->pull->platform, j.arena, j.pin, err);
}

int pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct image_pin *ret, struct err *err)
{
	return pull_everywhere(p, "image", ref, image_at, &(struct job){.arena = arena, .pin = ret}, err);
}

int pull_fetch(const struct pull *p, const struct reference *ref, const struct image_pin *pin, struct err *err)
{
	struct arena arena = {0};
	int r = pull_everywhere(p, "image", ref, image_at, &(struct job){.arena = &arena, .fetch = pin}, err);

	arena_release(&arena);
	return r;
}
