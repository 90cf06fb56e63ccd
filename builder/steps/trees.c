#include "steps/trees.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "base/vec.h"
#include "oci/layer.h"
#include "steps/spec.h"
#include "tree/tree.h"
#include <string.h>

/* Raised when a change of kiln changes what a step makes of the same input. */
enum { INDEX_VERSION = 1 };

/* What a tree's step needs when it runs. */
struct tree_arg {
	struct trees *trees;
	struct tree_step *step;
	struct tree_deb *debs;
	size_t n_debs;
};

static int hash_spec(struct hash *h, const struct tree_spec *s, struct err *err)
{
	hash_field_u64(h, s->configure);
	if (spec_hash_files(h, &s->seed, err) < 0 || spec_hash_files(h, &s->files, err) < 0)
		return err_wrap(err, "tree %s", s->id);
	spec_hash_list(h, &s->debconf);
	spec_hash_list(h, &s->remove);
	spec_hash_list(h, &s->mask);
	spec_hash_list(h, &s->enable);
	for (size_t i = 0; i < s->dirs.n; i++) {
		hash_field(h, s->dirs.v[i].path);
		hash_field(h, s->dirs.v[i].owner);
		hash_field(h, s->dirs.v[i].group);
		hash_field_u64(h, s->dirs.v[i].mode);
	}
	hash_field(h, NULL);
	for (size_t i = 0; i < s->links.n; i++) {
		hash_field(h, s->links.v[i].key);
		hash_field(h, s->links.v[i].value);
	}
	return 0;
}

static int make_tree(const struct step *s, const char *dir, struct err *err)
{
	const struct tree_arg *arg = s->arg;
	_cleanup_free_ char *log = xasprintf("%s/logs/%s.log", arg->trees->cache, s->name);
	_cleanup_err_ struct err ignored = ERR_INIT;

	(void)path_remove(log, &ignored); /* of an earlier try */
	struct tree_job job = {.spec = arg->step->spec,
		.debs = arg->debs,
		.n_debs = arg->n_debs,
		.parents = arg->step->above[0] ? arg->step->above : NULL,
		.cache = arg->trees->cache,
		.outdir = dir,
		.epoch = arg->trees->epoch,
		.log = log};
	if (tree_compose(&job, err) == 0)
		return 0;
	return err->hint ? -1 : err_hint(err, "what the packages' scripts said: %s", log);
}

static int make_index(const struct step *s, const char *dir, struct err *err)
{
	const struct tree_arg *arg = s->arg;
	struct layer l = {
		.dirs = arg->step->own, .parents = arg->step->above[0] ? arg->step->above : NULL, .index = dir};

	return layer_index(&l, arg->trees->epoch, err);
}

int trees_unpack(struct trees *t, unsigned threads, struct err *err)
{
	VEC(struct tree_deb) debs = {0};
	_cleanup_strvec_ struct strvec seen = STRVEC_INIT;

	for (size_t i = 0; i < t->n; i++) {
		const struct tree_arg *arg = t->v[i].tree->arg;
		if (t->v[i].tree->cached)
			continue;
		for (size_t k = 0; k < arg->n_debs; k++) {
			if (strvec_has(&seen, arg->debs[k].sha256))
				continue;
			strvec_add(&seen, arg->debs[k].sha256);
			vec_push(&debs, arg->debs[k]);
		}
	}
	int r = 0;
	if (debs.n) {
		_cleanup_free_ char *what = xasprintf("%zu packages", debs.n);
		struct progress_step *p = progress_begin("unpack", what, 0, PROGRESS_COUNT);
		r = tree_unpack_debs(t->cache, debs.v, debs.n, threads, err);
		progress_end(p, r == 0);
	}
	vec_release(&debs);
	return r;
}

/* "image/postgres/patroni" as a file name: "image-postgres-patroni". */
static char *flat(const char *prefix, const char *id)
{
	char *s = xasprintf("%s%s", prefix, id);

	for (char *p = s; *p; p++)
		if (*p == '/')
			*p = '-';
	return s;
}

static int add_one(struct graph *g, struct trees *t, struct tree_step *ts, const struct lock *l, struct cache *cache,
	struct err *err)
{
	const struct lock_set *set = lock_set(l, ts->spec->id);
	if (!set)
		return err_set(err, ERR_VERIFY, "the lock has no packages for tree %s", ts->spec->id);
	_cleanup_free_ char *name = flat("tree-", ts->spec->id), *index = flat("layer-", ts->spec->id);
	_cleanup_free_ char *what = xasprintf("%zu packages", set->n);
	struct tree_arg *arg = arena_alloc(&t->arena, sizeof *arg);

	*arg = (struct tree_arg){.trees = t, .step = ts, .n_debs = set->n};
	arg->debs = arena_alloc(&t->arena, (set->n + 1) * sizeof *arg->debs);
	ts->tree = graph_add(g, name, what);
	struct hash *h = hash_new();
	hash_field(h, "tree");
	hash_field_u64(h, TREE_VERSION);
	hash_field_u64(h, t->epoch);
	hash_field(h, l->arch);
	for (size_t i = 0; i < set->n; i++) {
		const struct lock_package *p = set->v[i];
		_cleanup_free_ char *blob = cache_blob_path(cache, p->sha256);
		arg->debs[i] =
			(struct tree_deb){.name = p->key, .path = arena_strdup(&t->arena, blob), .sha256 = p->sha256};
		hash_field(h, p->sha256);
	}
	hash_field(h, NULL);
	if (ts->parent)
		step_needs(ts->tree, h, ts->parent->tree);
	int r = hash_spec(h, ts->spec, err);
	hash_end(h, ts->tree->key);
	if (r < 0)
		return -1;
	ts->tree->make = make_tree;
	ts->tree->arg = arg;
	if (strcmp(ts->spec->id, "base") != 0 && strncmp(ts->spec->id, "image/", 6) != 0)
		return 0;

	ts->index = graph_add(g, index, "layer digest");
	h = hash_new();
	hash_field(h, "layer-index");
	hash_field_u64(h, INDEX_VERSION);
	step_needs(ts->index, h, ts->tree);
	/* It reads the tree below as well, which may be missing where its own is there. (The key is in that one's.) */
	if (ts->parent)
		vec_push(&ts->index->deps, (const struct step *)ts->parent->tree);
	hash_end(h, ts->index->key);
	ts->index->make = make_index;
	ts->index->arg = arg;
	return 0;
}

int trees_add(struct graph *g, struct trees *t, const struct appliance *a, const struct lock *l, struct cache *cache,
	struct err *err)
{
	_cleanup_free_ char *logs = cache_path(cache, "logs");

	t->epoch = l->epoch;
	t->cache = cache_dir(cache);
	if (path_mkdirs(logs, err) < 0)
		return -1;
	t->v = arena_alloc(&t->arena, (a->trees.n + 1) * sizeof *t->v);
	/* Parents first: "base" stands before what is built on it, whatever the order of the appliance. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < a->trees.n; i++) {
			const struct tree_spec *s = &a->trees.v[i];
			if ((s->parent != NULL) != (pass == 1))
				continue;
			struct tree_step *ts = &t->v[t->n];
			*ts = (struct tree_step){.spec = s, .parent = s->parent ? trees_find(t, s->parent) : NULL};
			t->n++;
			if (add_one(g, t, ts, l, cache, err) < 0)
				return -1;
		}
	}
	return 0;
}

struct tree_step *trees_find(struct trees *t, const char *id)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].spec->id, id) == 0)
			return &t->v[i];
	return NULL;
}

void trees_paths(struct trees *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct tree_step *ts = &t->v[i];
		size_t n = 0;
		ts->own[0] = arena_printf(&t->arena, "%s/upper", ts->tree->dir);
		ts->own[1] = arena_printf(&t->arena, "%s/lower", ts->tree->dir);
		for (const struct tree_step *p = ts->parent; p; p = p->parent) {
			ts->above[n++] = arena_printf(&t->arena, "%s/upper", p->tree->dir);
			ts->above[n++] = arena_printf(&t->arena, "%s/lower", p->tree->dir);
		}
		ts->above[n] = NULL;
		ts->all[0] = ts->own[0];
		ts->all[1] = ts->own[1];
		memcpy(ts->all + 2, ts->above, (n + 1) * sizeof *ts->above);
	}
}

void trees_release(struct trees *t)
{
	arena_release(&t->arena);
	*t = (struct trees){0};
}
