#include "base/json.h"
#include "diff/diff.h"
#include <string.h>

void contents_release(struct contents *c)
{
	for (size_t i = 0; i < c->trees.n; i++)
		vec_release(&c->trees.v[i].packages);
	vec_release(&c->trees);
	vec_release(&c->images);
	vec_release(&c->models);
	vec_release(&c->sources);
	arena_release(&c->arena);
}

static int by_source(const void *a, const void *b)
{
	return strcmp(((const struct diff_source *)a)->name, ((const struct diff_source *)b)->name);
}
static int by_package(const void *a, const void *b)
{
	return strcmp(((const struct diff_package *)a)->key, ((const struct diff_package *)b)->key);
}
static int by_image(const void *a, const void *b)
{
	return strcmp(((const struct diff_image *)a)->name, ((const struct diff_image *)b)->name);
}

static void add_set(struct contents *c, const struct lock_set *s)
{
	struct diff_tree t = {.id = s->id};

	for (size_t k = 0; k < s->n; k++) {
		const struct lock_package *p = s->v[k];
		vec_push(&t.packages, (struct diff_package){.key = p->key,
					      .version = p->version,
					      .sha256 = p->sha256,
					      .size = p->size,
					      .installed = p->installed * 1024});
	}
	vec_push(&c->trees, t);
}

void contents_of_lock(const struct lock *l, const char *name, struct contents *ret)
{
	*ret = (struct contents){.name = name, .arch = l->arch, .suite = l->suite, .epoch = l->epoch};
	for (size_t i = 0; i < l->sources.n; i++) {
		const struct lock_source *s = &l->sources.v[i];
		vec_push(&ret->sources,
			(struct diff_source){
				.name = arena_printf(&ret->arena, "%s %s", s->uri, s->suite), .release = s->release});
	}
	if (ret->sources.n)
		qsort(ret->sources.v, ret->sources.n, sizeof *ret->sources.v, by_source);
	for (size_t i = 0; i < l->sets.n; i++) /* a lock has its sets and images in order */
		add_set(ret, &l->sets.v[i]);
	for (size_t i = 0; i < l->images.n; i++) {
		const struct lock_image *m = &l->images.v[i];
		const struct blob_ref **layers = arena_alloc(&ret->arena, m->pin.n_layers * sizeof *layers);
		for (size_t k = 0; k < m->pin.n_layers; k++)
			layers[k] = &m->pin.layers[k].blob;
		vec_push(&ret->images, (struct diff_image){.name = m->name,
					       .digest = m->pin.manifest.digest,
					       .source = m->source,
					       .layers = layers,
					       .n_layers = m->pin.n_layers});
	}
	for (size_t i = 0; i < l->models.n; i++) {
		const struct lock_model *m = &l->models.v[i];
		const struct blob_ref **layers = arena_alloc(&ret->arena, m->pin.n_layers * sizeof *layers);
		for (size_t k = 0; k < m->pin.n_layers; k++)
			layers[k] = &m->pin.layers[k];
		vec_push(&ret->models, (struct diff_image){.name = m->name,
					       .digest = m->pin.manifest.digest,
					       .source = m->source,
					       .layers = layers,
					       .n_layers = m->pin.n_layers});
	}
}

/* A text of the image, fit to be shown, in the contents' arena; "-" when there is none. */
static const char *text(struct contents *c, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_add_plain(&b, s ? s : "-");
	return arena_strdup(&c->arena, strbuf_cstr(&b));
}

/* Sorted, and each once: of two that are called the same the first. */
static void sort_packages(struct diff_tree *t)
{
	size_t n = 0;

	if (t->packages.n)
		qsort(t->packages.v, t->packages.n, sizeof *t->packages.v, by_package);
	for (size_t i = 0; i < t->packages.n; i++)
		if (!n || strcmp(t->packages.v[n - 1].key, t->packages.v[i].key) != 0)
			t->packages.v[n++] = t->packages.v[i];
	t->packages.n = n;
}

static void sort_images(struct contents *c)
{
	size_t n = 0;

	if (c->images.n)
		qsort(c->images.v, c->images.n, sizeof *c->images.v, by_image);
	for (size_t i = 0; i < c->images.n; i++)
		if (!n || strcmp(c->images.v[n - 1].name, c->images.v[i].name) != 0)
			c->images.v[n++] = c->images.v[i];
	c->images.n = n;
}

int contents_of_image(const json_t *inspected, const char *name, struct contents *ret, struct err *err)
{
	const json_t *appliance = json_object_get(inspected, "appliance"), *j;
	struct diff_tree os = {.id = "os"};
	size_t i;

	*ret = (struct contents){.name = name};
	if (!json_is_object(appliance))
		return err_set(err, ERR_VERIFY, "%s: there is no appliance of kiln's in this image", name);
	ret->version = text(ret, appliance, "version");
	json_array_foreach(json_object_get(inspected, "packages"), i, j)
	{
		const char *key = arena_printf(&ret->arena, "%s:%s", text(ret, j, "name"), text(ret, j, "arch"));
		vec_push(&os.packages, (struct diff_package){.key = key, .version = text(ret, j, "version")});
	}
	sort_packages(&os);
	vec_push(&ret->trees, os);
	json_array_foreach(json_object_get(inspected, "containers"), i, j)
	{
		vec_push(&ret->images, (struct diff_image){.name = text(ret, j, "name"), .digest = text(ret, j, "id")});
	}
	sort_images(ret);
	return 0;
}
