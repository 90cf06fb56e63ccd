#include "oci/source.h"
#include "oci/layout.h"
#include "oci/record.h"

static int pin_offline(
	const struct pull *p, const struct image_place *at, struct arena *arena, struct image_pin *ret, struct err *err)
{
	int r = record_read(p->cache, at->name, p->platform->debian, arena, ret, err);

	if (r > 0)
		return 0;
	if (r == 0) {
		err_set(err, ERR_NETWORK, "image %s: what it is was never asked, and --offline forbids to ask",
			at->name);
		err_hint(err, "run \"kiln lock\" or \"kiln image pull\" once with a network");
	}
	return -1;
}

/* What somebody brought as a directory or a file may be damaged on its way, or be meant so. */
static int bring_again(struct err *err)
{
	if (err->kind == ERR_VERIFY && !err->hint)
		err_hint(err, "the layout or archive is damaged or malicious: bring it again, or another version of "
			      "the image");
	return -1;
}

static struct local *open_local(const struct image_place *at, struct err *err)
{
	struct local *l = local_open(at->path, at->from.kind == SOURCE_ARCHIVE, err);

	if (!l) {
		bring_again(err);
		err_wrap(err, "image %s", at->name);
	}
	return l;
}

static int pin_anew(
	const struct pull *p, const struct image_place *at, struct arena *arena, struct image_pin *ret, struct err *err)
{
	if (at->from.kind == SOURCE_REGISTRY)
		return pull_pin(p, &at->from.ref, arena, ret, err);
	_cleanup_local_ struct local *l = open_local(at, err);
	if (!l)
		return -1;
	return layout_pin(l, at->from.name, at->name, p->cache, p->platform, arena, ret, err) < 0 ? bring_again(err)
												  : 0;
}

int source_pin(
	const struct pull *p, const struct image_place *at, struct arena *arena, struct image_pin *ret, struct err *err)
{
	if (at->from.kind == SOURCE_REGISTRY && registry_net(p->registry)->offline)
		return pin_offline(p, at, arena, ret, err);
	if (pin_anew(p, at, arena, ret, err) < 0)
		return -1;
	return at->from.kind == SOURCE_REGISTRY ? record_write(p->cache, at->name, p->platform->debian, ret, err) : 0;
}

int source_fetch(const struct pull *p, const struct image_place *at, const struct image_pin *pin, struct err *err)
{
	if (source_missing(p->cache, pin, NULL) == 0)
		return 0;
	if (at->from.kind == SOURCE_REGISTRY) {
		if (!registry_net(p->registry)->offline)
			return pull_fetch(p, &at->from.ref, pin, err);
		err_set(err, ERR_NETWORK, "image %s: not all of it is in the cache, and --offline forbids to fetch it",
			at->name);
		return err_hint(err, "run \"kiln fetch\" with a network");
	}
	_cleanup_local_ struct local *l = open_local(at, err);
	if (!l)
		return -1;
	return layout_fetch(l, at->name, p->cache, pin, err) < 0 ? bring_again(err) : 0;
}

uint64_t source_missing(const struct cache *c, const struct image_pin *pin, uint64_t *ret_all)
{
	uint64_t missing = 0, all = 0;
	const struct blob_ref *b;

	for (size_t i = 0; (b = pin_blob(pin, i)); i++) {
		all += b->size;
		missing += cache_has(c, b->digest, b->size) ? 0 : b->size;
	}
	if (ret_all)
		*ret_all = all;
	return missing;
}
