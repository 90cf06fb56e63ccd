#include "oci/store.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/vec.h"
#include "oci/storefmt.h"
#include <string.h>

static void free_layer(struct store_layer *l)
{
	layer_info_release(&l->info);
	members_release(&l->members);
	free(l->lower);
}

static void free_record(struct store_record *r)
{
	image_release(&r->image);
	strvec_release(&r->names);
	vec_release(&r->items);
	vec_release(&r->chain);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->layers.n; i++)
		free_layer(&s->layers.v[i]);
	for (size_t i = 0; i < s->records.n; i++)
		free_record(&s->records.v[i]);
	vec_release(&s->layers);
	vec_release(&s->records);
	free(s);
}

/* podman completes short names itself, and then looks for docker.io/library/NAME:latest: only whole ones are found. */
static int check_name(const char *name, struct err *err)
{
	const char *slash = strchr(name, '/'), *last = strrchr(name, '/');
	size_t host = slash ? (size_t)(slash - name) : 0;
	bool is_host = host && (memchr(name, '.', host) || memchr(name, ':', host) || !strncmp(name, "localhost/", 10));
	if (!is_host || !(strchr(last, ':') || strchr(last, '@')))
		return err_set(err, ERR_CONFIG, "image name %s is not whole: expected HOST/NAME:TAG", name);
	return 0;
}

static int add_name(struct store *s, struct store_record *r, const char *name, struct err *err)
{
	if (check_name(name, err))
		return -1;
	for (size_t i = 0; i < s->records.n; i++)
		if (&s->records.v[i] != r && strvec_has(&s->records.v[i].names, name))
			return err_set(err, ERR_CONFIG, "image name %s is given to two images", name);
	if (!strvec_has(&r->names, name))
		strvec_add(&r->names, name);
	return 0;
}

/* Images with one config are one record, with the names of all: podman knows an image by its config. `new` is taken
 * over. */
static int add_record(struct store *s, struct store_record *new, struct err *err)
{
	struct store_record *r = NULL;
	struct strvec names = new->names;
	new->names = STRVEC_INIT;
	for (size_t i = 0; i < s->records.n && !r; i++)
		if (!strcmp(s->records.v[i].image.id, new->image.id))
			r = &s->records.v[i];
	if (!r) {
		vec_push(&s->records, *new);
		r = &s->records.v[s->records.n - 1];
	} else {
		/* Twins (gzip and zstd, say): each is found by its own digests. */
		for (size_t i = 0; new->upstream &&i < new->items.n; i++) {
			const struct store_item *item = &new->items.v[i];
			store_add_item(r, item->key, item->digest, item->data, item->len);
		}
		free_record(new);
	}
	int result = 0;
	for (size_t i = 0; i < names.n && !result; i++)
		result = add_name(s, r, names.v[i], err);
	strvec_release(&names);
	return result;
}

static int add_image(struct store *s, const struct image_spec *spec, struct err *err)
{
	struct store_record new = {.spec = spec};
	const struct image *i = &new.image;
	if (!spec->n_layers || !spec->names || !spec->names[0])
		return err_set(err, ERR_CONFIG, "an image needs a layer and a name");
	if (image_make(spec, &new.image, err))
		return -1;
	strvec_add_all(&new.names, spec->names);
	store_add_item(&new, "sha256:", i->id, i->config, strlen(i->config));
	store_add_item(&new, "manifest-sha256:", i->digest, i->manifest, strlen(i->manifest));
	store_add_item(&new, "manifest", i->digest, i->manifest, strlen(i->manifest));
	return add_record(s, &new, err);
}

static int add_upstream(struct store *s, const struct upstream_image *i, struct err *err)
{
	struct store_record new = {0};
	if (upstream_check(i, err))
		return -1;
	if (store_upstream_record(i, &new, err)) {
		free_record(&new);
		return err_wrap(err, "image %s", i->reference);
	}
	return add_record(s, &new, err);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct store_record *)a)->image.id, ((const struct store_record *)b)->image.id);
}

static int read_index(struct store_layer *l, struct err *err)
{
	if (l->src)
		return layer_info_read(l->src->index, &l->info, err);
	if (blob_sniff(l->blob->path, &l->form, err))
		return -1;
	return upstream_index_read(l->blob, &l->info, &l->members, err);
}

/* The same layer again; it may be known as a tree and now come as a blob, or the other way round. */
static void join_layer(struct store_layer *old, struct store_layer *new)
{
	if (!old->src)
		old->src = new->src;
	if (!old->blob && new->blob) {
		old->blob = new->blob;
		old->form = new->form;
		old->members = new->members;
		new->members = (struct members){0};
	}
	free_layer(new);
}

/* The layer's place in the store; added when it is new. `l` is taken over. */
static int place_layer(struct store *s, struct store_layer *l, size_t *ret, struct err *err)
{
	if (read_index(l, err)) {
		free_layer(l);
		return -1;
	}
	const struct store_layer *below = l->parent == STORE_NO_PARENT ? NULL : &s->layers.v[l->parent];
	store_layer_id(below ? below->id : NULL, l->info.diff_id, l->id);
	for (size_t i = 0; i < s->layers.n; i++)
		if (!strcmp(s->layers.v[i].id, l->id)) {
			join_layer(&s->layers.v[i], l);
			*ret = i;
			return 0;
		}
	store_link_name(l->id, l->link);
	if (below)
		l->lower =
			below->lower ? xasprintf("l/%s:%s", below->link, below->lower) : xasprintf("l/%s", below->link);
	vec_push(&s->layers, *l);
	*ret = s->layers.n - 1;
	return 0;
}

static int place_chain(struct store *s, struct store_record *r, struct err *err)
{
	size_t at = STORE_NO_PARENT, n = r->spec ? r->spec->n_layers : r->upstream->n_layers;
	for (size_t k = 0; k < n; k++) {
		struct store_layer l = {.parent = at};
		if (r->spec)
			l.src = r->spec->layers[k];
		else
			l.blob = &r->upstream->layers[k];
		if (place_layer(s, &l, &at, err))
			return r->spec ? -1 : err_wrap(err, "image %s", r->upstream->reference);
		vec_push(&r->chain, at);
	}
	return 0;
}

static int place_layers(struct store *s, struct err *err)
{
	for (size_t i = 0; i < s->records.n; i++)
		if (place_chain(s, &s->records.v[i], err))
			return -1;
	return 0;
}

struct store *store_plan(const struct store_spec *spec, struct err *err)
{
	struct store *s = xcalloc(1, sizeof *s);
	s->data = spec->data;
	s->models = spec->models;
	s->n_models = spec->n_models;
	int r = 0;
	for (size_t i = 0; i < spec->n_images && !r; i++)
		r = add_image(s, &spec->images[i], err);
	for (size_t i = 0; i < spec->n_upstream && !r; i++)
		r = add_upstream(s, &spec->upstream[i], err);
	if (!r && s->records.n)
		qsort(s->records.v, s->records.n, sizeof *s->records.v, by_id);
	if (!r)
		r = place_layers(s, err);
	if (!r)
		return s;
	store_free(s);
	err_wrap(err, "container store");
	return NULL;
}

json_t *store_report(const struct store *s)
{
	json_t *images = json_array(), *layers = json_array();
	for (size_t i = 0; i < s->records.n; i++) {
		const struct store_record *r = &s->records.v[i];
		json_t *names = json_array(), *chain = json_array();
		for (size_t k = 0; k < r->names.n; k++)
			json_array_append_new(names, json_string(r->names.v[k]));
		for (size_t k = 0; k < r->chain.n; k++)
			json_array_append_new(chain, json_string(s->layers.v[r->chain.v[k]].id));
		json_array_append_new(images, json_pack("{s:s, s:s, s:o, s:o}", "id", r->image.id, "digest",
						      r->image.digest, "names", names, "layers", chain));
	}
	for (size_t i = 0; i < s->layers.n; i++) {
		const struct store_layer *l = &s->layers.v[i];
		json_array_append_new(layers, json_pack("{s:s, s:s, s:I}", "id", l->id, "diff_id", l->info.diff_id,
						      "size", (json_int_t)l->info.size));
	}
	return json_pack("{s:o, s:o}", "images", images, "layers", layers);
}

struct writing {
	const struct store *store;
	uint64_t epoch;
};

static int write_stream(struct tar_out *t, void *arg, struct err *err)
{
	struct writing *w = arg;
	return store_write(w->store, t, w->epoch, err);
}

int store_build(const struct squash_opts *opts, const struct store_spec *spec, json_t **report, struct err *err)
{
	struct store *s = store_plan(spec, err);
	if (!s)
		return -1;
	struct writing w = {.store = s, .epoch = opts->epoch};
	struct squash_stat stat;
	int r = squash_build(opts, write_stream, &w, &stat, err);
	if (!r && report) {
		*report = store_report(s);
		json_object_set_new(*report, "size", json_integer((json_int_t)stat.size));
		json_object_set_new(*report, "stream", json_integer((json_int_t)stat.stream));
		json_object_set_new(*report, "inodes", json_integer((json_int_t)stat.inodes));
	}
	store_free(s);
	return r ? err_wrap(err, "container store") : 0;
}
