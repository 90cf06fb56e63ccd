/* Images that are not composed: pinned in the lock, fetched into the cache. */
#include "base/log.h"
#include "base/progress.h"
#include "lock/client.h"
#include "oci/source.h"
#include <string.h>

int client_open(struct client *cl, const struct appliance *a, struct cache *c, const struct download_opts *opts,
	struct err *err)
{
	struct download_opts net = opts ? *opts : (struct download_opts){0};

	net.ca = a->registry_ca;
	net.gone_hint = "the registry no longer has what the lock names: \"kiln lock\" pins what it has now";
	cl->pull = (struct pull){.mirrors = &cl->mirrors, .cache = c, .platform = platform_of(a->arch)};
	cl->pull.registry = registry_new(&net);
	for (size_t i = 0; i < a->mirrors.n; i++)
		if (mirrors_add(&cl->mirrors, &cl->arena, a->mirrors.v[i].key, a->mirrors.v[i].value, err) < 0)
			return -1;
	if (!cl->pull.platform)
		return err_set(err, ERR_CONFIG, "images for the architecture %s are not known", a->arch);
	return 0;
}

void client_close(struct client *cl)
{
	registry_free(cl->pull.registry);
	mirrors_release(&cl->mirrors);
	arena_release(&cl->arena);
}

static int place_of(const struct container *c, struct arena *arena, struct image_place *ret, struct err *err)
{
	*ret = (struct image_place){.path = c->source_path, .name = c->source};
	return image_source_parse(arena, c->source, &ret->from, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lock_image *)a)->name, ((const struct lock_image *)b)->name);
}

static struct lock_image *find(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->images.n; i++)
		if (strcmp(l->images.v[i].name, name) == 0)
			return &l->images.v[i];
	return NULL;
}

static int pin_one(const struct client *cl, const struct container *c, struct lock *l, struct err *err)
{
	struct lock_image *i = &l->images.v[l->images.n];
	struct image_place at;

	if (find(l, c->upstream)) /* two containers of one image */
		return 0;
	*i = (struct lock_image){
		.name = arena_strdup(&l->arena, c->upstream), .source = arena_strdup(&l->arena, c->source)};
	if (place_of(c, &l->arena, &at, err) < 0 || source_pin(&cl->pull, &at, &l->arena, &i->pin, err) < 0)
		return err_wrap(err, "container %s", c->name);
	l->images.n++;
	return 0;
}

int lock_pin_images(const struct appliance *a, struct cache *c, bool offline, struct lock *l, struct err *err)
{
	_cleanup_client_ struct client cl = {0};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < a->containers.n; i++)
		n += a->containers.v[i].source != NULL;
	if (!n)
		return 0;
	if (client_open(&cl, a, c, &(struct download_opts){.offline = offline}, err) < 0)
		return -1;
	l->images.v = xcalloc(n, sizeof *l->images.v);
	struct progress_step *step = progress_begin("lock", "images", n, PROGRESS_COUNT);
	for (size_t i = 0; r == 0 && i < a->containers.n; i++) {
		if (!a->containers.v[i].source)
			continue;
		r = pin_one(&cl, &a->containers.v[i], l, err);
		progress_add(step, 1);
	}
	progress_end(step, r == 0);
	if (l->images.n)
		qsort(l->images.v, l->images.n, sizeof *l->images.v, by_name);
	return r;
}

int lock_fetch_images(const struct lock *l, const struct appliance *a, struct cache *c,
	const struct download_opts *opts, struct err *err)
{
	_cleanup_client_ struct client cl = {0};

	if (!l->images.n)
		return 0;
	if (client_open(&cl, a, c, opts, err) < 0)
		return -1;
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *container = &a->containers.v[i];
		const struct lock_image *image = container->source ? find(l, container->upstream) : NULL;
		struct image_place at;
		if (!image)
			continue;
		if (place_of(container, &cl.arena, &at, err) < 0 || source_fetch(&cl.pull, &at, &image->pin, err) < 0)
			return err_wrap(err, "container %s", container->name);
	}
	return 0;
}
