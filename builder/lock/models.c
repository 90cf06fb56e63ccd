/* Models: pinned in the lock, fetched into the cache, weighed. */
#include "base/path.h"
#include "base/progress.h"
#include "config/modelname.h"
#include "lock/client.h"
#include "oci/modelfile.h"
#include <string.h>

static struct model_file file_of(const struct model *m)
{
	return (struct model_file){.name = m->show,
		.file = m->file,
		.template = m->template,
		.system = m->system,
		.parameters = m->parameters,
		.license = m->license};
}

static int pin_one(
	const struct client *cl, const struct model *m, struct lock *l, struct lock_model *to, struct err *err)
{
	struct reference ref;

	*to = (struct lock_model){
		.name = arena_strdup(&l->arena, m->name), .source = arena_strdup(&l->arena, m->source)};
	if (m->file) {
		struct model_file f = file_of(m);
		return model_file_pin(&f, cl->pull.cache, &l->arena, &to->pin, err);
	}
	if (model_name_parse(&l->arena, m->source, &ref, err) < 0)
		return -1;
	return model_pull_pin(&cl->pull, &ref, &l->arena, &to->pin, err);
}

int lock_pin_models(const struct appliance *a, struct cache *c, bool offline, struct lock *l, struct err *err)
{
	_cleanup_client_ struct client cl = {0};
	int r = 0;

	if (!a->models.n)
		return 0;
	if (client_open(&cl, a, c, &(struct download_opts){.offline = offline}, err) < 0)
		return -1;
	l->models.v = xcalloc(a->models.n, sizeof *l->models.v);
	struct progress_step *step = progress_begin("lock", "models", a->models.n, PROGRESS_COUNT);
	for (size_t i = 0; r == 0 && i < a->models.n; i++) {
		r = pin_one(&cl, &a->models.v[i], l, &l->models.v[l->models.n], err);
		if (r < 0)
			err_wrap(err, "%s", a->models.v[i].at);
		else
			l->models.n++;
		progress_add(step, 1);
	}
	progress_end(step, r == 0);
	return r;
}

const struct lock_model *lock_model(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->models.n; i++)
		if (strcmp(l->models.v[i].name, name) == 0)
			return &l->models.v[i];
	return NULL;
}

int lock_fetch_models(const struct lock *l, const struct appliance *a, struct cache *c,
	const struct download_opts *opts, struct err *err)
{
	_cleanup_client_ struct client cl = {0};

	if (!l->models.n)
		return 0;
	if (client_open(&cl, a, c, opts, err) < 0)
		return -1;
	for (size_t i = 0; i < a->models.n; i++) {
		const struct model *m = &a->models.v[i];
		const struct lock_model *pinned = lock_model(l, m->name);
		struct model_file f = file_of(m);
		struct reference ref;
		if (!pinned)
			continue;
		int r = m->file ? model_file_fetch(&f, c, &pinned->pin, err)
				: model_name_parse(&cl.arena, m->source, &ref, err);
		if (r == 0 && !m->file)
			r = model_pull_fetch(&cl.pull, &ref, &pinned->pin, err);
		if (r < 0)
			return err_wrap(err, "%s", m->at);
	}
	return 0;
}

/* Models share blobs: each counts where it comes first. */
static bool counted(const struct lock *l, size_t model, size_t blob)
{
	const char *digest = model_blob(&l->models.v[model].pin, blob)->digest;

	for (size_t i = 0; i <= model; i++)
		for (size_t k = 0; i < model || k < blob; k++) {
			const struct blob_ref *b = model_blob(&l->models.v[i].pin, k);
			if (!b)
				break;
			if (strcmp(b->digest, digest) == 0)
				return true;
		}
	return false;
}

static uint64_t size_of(const struct lock *l, size_t model)
{
	const struct blob_ref *b;
	uint64_t n = 0;

	for (size_t k = 0; (b = model_blob(&l->models.v[model].pin, k)); k++)
		n += counted(l, model, k) ? 0 : b->size;
	return n;
}

uint64_t lock_models_size(const struct lock *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->models.n; i++)
		n += size_of(l, i);
	return n;
}

/* What is in its blobs, where the cache has them: of several with weights the first is the model. */
static void look_into(const struct model_pin *p, const struct cache *c, struct model *m)
{
	_cleanup_err_ struct err ignored = ERR_INIT;

	for (size_t i = 0; i < p->n_layers; i++) {
		const struct blob_ref *b = &p->layers[i];
		if (!cache_has(c, b->digest, b->size))
			continue;
		_cleanup_free_ char *path = cache_blob_path(c, b->digest);
		if (!m->head && strcmp(b->type, MODEL_TYPE "model") == 0)
			model_head(m, path);
		if (strcmp(b->type, MODEL_TYPE "params") != 0)
			continue;
		_cleanup_free_ char *text = path_read(path, DOCUMENT_MAX, NULL, &ignored);
		if (text)
			model_context(m, text, strlen(text));
	}
}

int lock_weigh(const struct lock *l, const struct cache *c, struct appliance *a, struct err *err)
{
	struct models_need need;

	for (size_t i = 0; i < a->models.n; i++) {
		struct model *m = &a->models.v[i];
		for (size_t k = 0; k < l->models.n; k++) {
			if (strcmp(l->models.v[k].name, m->name) != 0)
				continue;
			m->size = size_of(l, k);
			m->weights = model_weights(&l->models.v[k].pin);
			m->digest = arena_strdup(&a->arena, l->models.v[k].pin.manifest.digest);
			if (c)
				look_into(&l->models.v[k].pin, c, m);
		}
	}
	return appliance_models(a, &need, err);
}
