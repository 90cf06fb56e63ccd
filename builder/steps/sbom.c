#include "steps/sbom.h"
#include "base/json.h"
#include "base/path.h"
#include "sbom/sbom.h"
#include <string.h>

static json_t *describe(const struct sbom_step *d, const struct cache *cache, size_t *silent)
{
	return sbom_make(
		&(struct sbom_input){.l = d->l, .a = d->a, .name = d->a->name, .cache = cache, .silent = silent});
}

/* A document of less would be another image from the same lock. */
static int silent_err(const struct sbom_step *d, size_t silent, struct err *err)
{
	_cleanup_err_ struct err ignored = ERR_INIT;

	for (size_t i = 0; i < d->l->packages.n; i++)
		cache_verify(d->cache, d->l->packages.v[i].sha256, d->l->packages.v[i].size, &ignored);
	err_set(err, ERR_VERIFY, "%zu of the lock's packages cannot be read in the cache", silent);
	return err_hint(err, "what is damaged is gone from the cache: the next build fetches it again");
}

static int make(const struct step *step, const char *dir, struct err *err)
{
	const struct sbom_step *d = step->arg;
	_cleanup_free_ char *file = path_join(dir, "sbom.spdx.json");
	size_t silent = 0;
	_cleanup_json_ json_t *doc = describe(d, d->cache, &silent);

	if (silent)
		return silent_err(d, silent, err);
	_cleanup_free_ char *text = json_canonical(doc);
	return path_write(file, text, strlen(text), 0644, err);
}

void sbom_step_add(struct graph *g, struct sbom_step *d)
{
	/* What packages say of themselves follows from their digests, which are in it. */
	_cleanup_json_ json_t *known = describe(d, NULL, NULL);
	_cleanup_free_ char *text = json_compact(known);
	struct hash *h = hash_new();

	d->step = graph_add(g, "sbom", "SBOM");
	d->step->make = make;
	d->step->arg = d;
	hash_field(h, "sbom");
	hash_field_u64(h, SBOM_VERSION);
	hash_field(h, text);
	hash_end(h, d->step->key);
}
