#include "steps/build.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "boot/initrd.h"
#include "steps/image.h"
#include "steps/models.h"
#include "steps/output.h"
#include "steps/users.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct build {
	const struct appliance *a;
	const struct lock *l;
	const struct build_opts *o;
	struct graph g;
	struct trees trees;
	struct modules modules;
	struct upstreams upstreams;
	struct image_steps image;
	struct users users;
	char wired[HASH_HEX]; /* of what wire_make gives */
	struct strvec hashed; /* sources of its files, each followed by its digest: they may be large */
	char *version;
};

/* How many downloads of the lock turn out corrupt when they are read; they are dropped, with a warning each. */
static size_t drop_corrupt(const struct build *b, struct err *err)
{
	size_t dropped = 0;

	for (size_t i = 0; i < b->l->packages.n; i++) {
		const struct lock_package *p = &b->l->packages.v[i];
		if (cache_has(b->o->cache, p->sha256, p->size) &&
			cache_verify(b->o->cache, p->sha256, p->size, err) == 0)
			dropped++;
	}
	return dropped;
}

/* A download that rotted in the cache is noticed while it is unpacked: drop it, fetch it again, go on. */
static int unpack(struct build *b, struct err *err)
{
	_cleanup_err_ struct err first = ERR_INIT;

	if (trees_unpack(&b->trees, b->o->jobs, &first) == 0)
		return 0;
	if (first.kind != ERR_VERIFY || drop_corrupt(b, err) == 0) {
		err_move(err, &first);
		return -1;
	}
	struct download_opts opts = {.offline = b->o->offline};
	if (lock_fetch(b->l, b->o->cache, &opts, err) < 0)
		return -1;
	return trees_unpack(&b->trees, b->o->jobs, err);
}

static int run_trees(struct build *b, struct err *err)
{
	VEC(struct step *) goals = {0};

	for (size_t i = 0; i < b->trees.n; i++) {
		vec_push(&goals, b->trees.v[i].tree);
		if (b->trees.v[i].index)
			vec_push(&goals, b->trees.v[i].index);
	}
	for (size_t i = 0; i < b->upstreams.n; i++)
		vec_push(&goals, b->upstreams.v[i].index);
	for (size_t i = 0; i < b->upstreams.n_derived; i++)
		vec_push(&goals, b->upstreams.derived[i].layer);
	if (b->modules.layer)
		vec_push(&goals, b->modules.layer);
	vec_push(&goals, b->image.init);
	vec_push(&goals, b->image.agent);
	vec_push(&goals, b->image.sbom.step);
	vec_push(&goals, (struct step *)NULL);
	int r = unpack(b, err);
	if (r == 0)
		r = graph_run(&b->g, goals.v, err);
	vec_release(&goals);
	return r;
}

/* The digest of a source, read once however often the wiring is made. Borrowed from `b`. */
static const char *source_hash(struct build *b, const char *source, struct err *err)
{
	char hex[HASH_HEX];

	for (size_t i = 0; i < b->hashed.n; i += 2)
		if (str_eq(b->hashed.v[i], source))
			return b->hashed.v[i + 1];
	if (hash_file(source, hex, err) < 0)
		return NULL;
	strvec_add(&b->hashed, source);
	strvec_add(&b->hashed, hex);
	return b->hashed.v[b->hashed.n - 1];
}

/* What the wiring says, hashed without writing it: milliseconds, so that it needs no step of its own. */
static int hash_wired(struct build *b, struct err *err)
{
	_cleanup_wire_ struct wire_files files = {0};

	if (wire_make(b->a, &b->image.facts, &files, err) < 0)
		return -1;
	struct hash *h = hash_new();
	for (size_t i = 0; i < files.list.n; i++) {
		const struct wire_file *f = &files.list.v[i];
		hash_field(h, f->path);
		hash_field(h, f->target);
		hash_field_u64(h, ((uint64_t)f->uid << 32) | f->gid);
		hash_field_u64(h, f->mode);
		const char *hex = f->source ? source_hash(b, f->source, err) : "";
		if (!hex) {
			hash_end(h, b->wired);
			return err_wrap(err, "file %s of the image", f->path);
		}
		hash_field(h, hex);
		hash_field_u64(h, f->len);
		if (f->data)
			hash_add(h, f->data, f->len);
	}
	hash_end(h, b->wired);
	return 0;
}

/*
 * The version: the day of the lock and six digits of a hash over everything that goes in. Same inputs, same version;
 * a later lock sorts later (systemd-boot and systemd-sysupdate compare versions). The wiring goes in without it, and
 * is made once more with it, as some of its files say the version.
 */
static int set_version(struct build *b, struct err *err)
{
	time_t t = (time_t)b->l->epoch;
	struct tm day;
	char hex[HASH_HEX];

	b->image.facts.version = "0";
	if (hash_wired(b, err) < 0)
		return -1;
	struct hash *h = hash_new();
	hash_field(h, b->wired);
	hash_field(h, b->a->cmdline);
	hash_field_u64(h, b->a->release);
	for (size_t i = 0; i < b->trees.n; i++)
		hash_field(h, b->trees.v[i].tree->key);
	for (size_t i = 0; i < b->l->images.n; i++)
		hash_field(h, b->l->images.v[i].pin.manifest.digest);
	int r = upstreams_hash_derived(&b->upstreams, h, err);
	models_need(b->l, h);
	if (b->modules.layer)
		hash_field(h, b->modules.layer->key);
	hash_field(h, b->image.init->key);
	hash_field(h, b->image.agent->key);
	hash_field(h, b->image.sbom.step->key);
	hash_end(h, hex);
	if (r < 0)
		return -1;
	gmtime_r(&t, &day);
	b->version = xasprintf("%04d%02d%02d.%.6s", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, hex);
	b->image.facts.version = b->version;
	return hash_wired(b, err);
}

static int run_parts(struct build *b, struct err *err)
{
	if (image_add_parts(&b->g, &b->image, b->wired, err) < 0)
		return -1;
	struct step *all[] = {b->image.root, b->image.store, b->image.esp, NULL};
	struct step *trees[] = {b->image.root, b->image.store, NULL};
	return graph_run(&b->g, b->o->trees_only ? trees : all, err);
}

static int fill_result(struct build *b, struct build_result *ret, struct err *err)
{
	ret->version = xstrdup(b->version);
	ret->root = step_path(b->image.root, "root.squashfs");
	ret->store = step_path(b->image.store, "store.squashfs");
	ret->tools = xstrdup(trees_find(&b->trees, "tools")->tree->dir);
	ret->root_hash = image_read_hash(b->image.root, err);
	ret->store_hash = ret->root_hash ? image_read_hash(b->image.store, err) : NULL;
	if (!ret->store_hash)
		return -1;
	_cleanup_kernel_ struct kernel kernel = {0};
	if (kernel_find(trees_find(&b->trees, "os")->all, &kernel, err) < 0)
		return -1;
	ret->kernel = steal(kernel.image);
	if (b->o->trees_only)
		return 0;
	ret->uki = step_path(b->image.esp, "uki");
	struct output_spec spec = {.a = b->a,
		.l = b->l,
		.cache = b->o->cache,
		.image = &b->image,
		.version = b->version,
		.out = b->o->out,
		.explain = b->o->explain};
	ret->images = output_make(&spec, err);
	return ret->images ? 0 : -1;
}

static int file_size(const struct step *s, const char *name, uint64_t *ret, struct err *err)
{
	_cleanup_free_ char *path = step_path(s, name);
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, errno, "%s", path);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int read_sizes(const struct build *b, struct image_sizes *ret, struct err *err)
{
	*ret = (struct image_sizes){0};
	return file_size(b->image.root, "root.squashfs", &ret->root, err) < 0
		       ? -1
		       : file_size(b->image.store, "store.squashfs", &ret->store, err);
}

/* The steps up to the trees and programs: their keys are known from the lock and the profile. */
static int prepare(struct build *b, bool look_only, struct err *err)
{
	if (trees_add(&b->g, &b->trees, b->a, b->l, b->o->cache, err) < 0)
		return -1;
	const struct tree_step *tools = trees_find(&b->trees, "tools");
	if (!tools || !trees_find(&b->trees, "os"))
		return err_set(err, ERR_CONFIG, "%s: no service brings the tree \"%s\" (overlays/base is missing)",
			b->a->file, tools ? "os" : "tools");
	if (modules_add(&b->g, &b->modules, b->a, &b->trees, b->o->cache, !look_only, err) < 0 ||
		upstreams_add(&b->g, &b->upstreams, b->a, b->l, b->o->cache, err) < 0)
		return -1;
	b->image.a = b->a;
	b->image.trees = &b->trees;
	b->image.modules = &b->modules;
	b->image.upstreams = &b->upstreams;
	b->image.facts.epoch = b->l->epoch;
	b->image.facts.user = users_find;
	b->image.facts.user_arg = &b->users;
	b->users.trees = &b->trees;
	if (image_add_programs(&b->g, &b->image, err) < 0)
		return -1;
	b->image.sbom = (struct sbom_step){.a = b->a, .l = b->l, .cache = b->o->cache};
	sbom_step_add(&b->g, &b->image.sbom);
	graph_place(&b->g);
	trees_paths(&b->trees);
	modules_paths(&b->modules);
	b->image.tools = (struct tools){.lowers = tools->own, .epoch = b->l->epoch};
	return 0;
}

static int build(struct build *b, struct build_result *ret, struct err *err)
{
	struct image_sizes sizes = lock_image_sizes(b->l);
	uint64_t disk;

	if (prepare(b, false, err) < 0 || (!b->o->trees_only && appliance_disk(b->a, &sizes, &disk, err) < 0))
		return -1;
	if (run_trees(b, err) < 0 || set_version(b, err) < 0 || run_parts(b, err) < 0)
		return -1;
	if (!b->o->trees_only && (read_sizes(b, &sizes, err) < 0 || appliance_disk(b->a, &sizes, &disk, err) < 0))
		return -1;
	return fill_result(b, ret, err);
}

static int look(struct build *b, struct image_sizes *ret, struct err *err)
{
	if (prepare(b, true, err) < 0)
		return -1;
	for (size_t i = 0; i < b->g.steps.n; i++)
		if (!b->g.steps.v[i]->cached)
			return 0;
	if (set_version(b, err) < 0 || image_add_parts(&b->g, &b->image, b->wired, err) < 0)
		return -1;
	graph_place(&b->g);
	return b->image.root->cached && b->image.store->cached ? read_sizes(b, ret, err) : 0;
}

static void release(struct build *b)
{
	users_release(&b->users);
	image_steps_release(&b->image);
	graph_release(&b->g);
	upstreams_release(&b->upstreams);
	modules_release(&b->modules);
	trees_release(&b->trees);
	strvec_release(&b->hashed);
	free(b->version);
}

int build_sizes(
	const struct appliance *a, const struct lock *l, struct cache *cache, struct image_sizes *ret, struct err *err)
{
	struct build_opts opts = {.cache = cache};
	struct build b = {.a = a, .l = l, .o = &opts, .g = {.cache = cache_dir(cache)}};

	*ret = (struct image_sizes){0};
	int r = look(&b, ret, err);
	release(&b);
	return r;
}

int build_run(const struct appliance *a, const struct lock *l, const struct build_opts *opts, struct build_result *ret,
	struct err *err)
{
	struct build b = {.a = a, .l = l, .o = opts};
	_cleanup_free_ char *steps = cache_path(opts->cache, "steps"), *tmp = cache_path(opts->cache, "tmp");

	b.g.cache = cache_dir(opts->cache);
	b.g.jobs = opts->jobs;
	b.g.explain = opts->explain;
	int r = -1;
	if (path_mkdirs(steps, err) == 0 && path_mkdirs(tmp, err) == 0)
		r = build(&b, ret, err);
	release(&b);
	return r;
}

void build_result_release(struct build_result *r)
{
	free(r->version);
	free(r->root);
	free(r->store);
	free(r->root_hash);
	free(r->store_hash);
	free(r->kernel);
	free(r->uki);
	free(r->tools);
	json_decref(r->images);
	*r = (struct build_result){0};
}
