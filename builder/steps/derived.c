/* The layer of an image that is derived from another: one step, from the unpacked layers below to the layer's index. */
#include "oci/derived.h"
#include "base/mem.h"
#include "base/path.h"
#include "oci/layer.h"
#include "oci/unpack.h"
#include "steps/spec.h"
#include "steps/upstream.h"
#include "tree/change.h"
#include "tree/namespace.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Raised when a change of kiln changes what a step makes of the same input. */
enum { DERIVED_VERSION = 1 };

struct unpack_job {
	const struct upstream_image *from;
	const char *dir;
	uint64_t epoch;
};

static int unpack_all(void *arg, struct err *err)
{
	const struct unpack_job *j = arg;

	if (mkdir(j->dir, 0755) < 0)
		return err_sys(err, errno, "make %s", j->dir);
	for (size_t i = 0; i < j->from->n_layers; i++)
		if (upstream_unpack(&j->from->layers[i], j->dir, j->epoch, err) < 0)
			return err_wrap(err, "image %s", j->from->reference);
	return 0;
}

/* The tar of what changed, and its index; it is read as one of somebody else's would be. */
static int make_layer(const struct change_job *job, struct err *err)
{
	_cleanup_free_ char *tar = path_join(job->dir, "layer.tar");
	_cleanup_fd_ int fd = open(tar, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char hex[HASH_HEX];
	struct stat st;

	if (fd < 0)
		return err_sys(err, errno, "make %s", tar);
	if (change_write(job, fd, err) < 0 || hash_file(tar, hex, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", tar);
	struct upstream_layer l = {.path = tar,
		.digest = hex,
		.size = (uint64_t)st.st_size,
		.diff_size = (uint64_t)st.st_size,
		.diff_id = hex,
		.index = job->dir};
	return upstream_index(&l, err);
}

static int remove_trees(const char *dir, const char *base, struct err *err)
{
	_cleanup_free_ char *upper = path_join(dir, "upper");

	return ns_remove(upper, err) < 0 ? -1 : ns_remove(base, err);
}

static int change(const struct derived_step *d, const char *dir, const char *log, struct arena *mem, struct err *err)
{
	const struct derived_spec *spec = d->spec;
	_cleanup_free_ char *base = path_join(dir, "base");
	struct upstream_image from;
	struct image_run run;
	VEC(const char *) env = {0};

	if (upstreams_read(d->all, d->from, mem, &from, err) < 0 || image_run_read(&from, mem, &run, err) < 0)
		return -1;
	for (const char **e = run.env; *e; e++)
		vec_push(&env, *e);
	for (size_t i = 0; i < spec->env.n; i++)
		vec_push(&env, spec->env.v[i]);
	vec_push(&env, (const char *)NULL);
	struct unpack_job unpacked = {&from, base, d->all->lock->epoch};
	struct change_job job = {.base = base,
		.dir = dir,
		.files = &spec->files,
		.argv = spec->command.n ? spec->command.v : NULL,
		.user = spec->user ? spec->user : run.user,
		.cwd = run.workdir,
		.env = env.v,
		.keep = spec->keep.v,
		.epoch = d->all->lock->epoch,
		.limit_ms = spec->limit_ms,
		.log = log};
	int r = ns_call(unpack_all, &unpacked, err);
	if (r == 0 && change_tree(&job, err) < 0)
		r = err_wrap(err, "in the image %s", d->from->source);
	if (r == 0)
		r = make_layer(&job, err);
	vec_release(&env);
	return r == 0 ? remove_trees(dir, base, err) : -1;
}

static int make(const struct step *s, const char *dir, struct err *err)
{
	const struct derived_step *d = s->arg;
	_cleanup_free_ char *file = xasprintf("logs/%s.log", s->name), *log = cache_path(d->all->cache, file);
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct arena mem = {0};

	(void)path_remove(log, &ignored); /* of an earlier try */
	int r = change(d, dir, log, &mem, err);
	arena_release(&mem);
	struct stat st;
	if (r < 0 && err->kind == ERR_TOOL && !err->hint && stat(log, &st) == 0 && st.st_size > 0)
		err_hint(err, "what the command said: %s (it has no network, and only what is in the image)", log);
	return r;
}

static const struct lock_image *locked(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->images.n; i++)
		if (strcmp(l->images.v[i].name, name) == 0)
			return &l->images.v[i];
	return NULL;
}

static int hash_spec(struct hash *h, const struct derived_step *d, struct err *err)
{
	const struct derived_spec *s = d->spec;

	hash_field(h, "derived");
	hash_field_u64(h, DERIVED_VERSION);
	hash_field_u64(h, d->all->lock->epoch);
	hash_field(h, d->all->lock->arch);
	hash_field(h, d->from->pin.config.digest);
	hash_field(h, s->user);
	spec_hash_list(h, &s->command);
	spec_hash_list(h, &s->env);
	spec_hash_list(h, &s->keep);
	return spec_hash_files(h, &s->files, err);
}

/* Debian's names of the architectures whose programs the machine that kiln was built for can run. */
static bool runs_here(const char *arch)
{
#if defined(__x86_64__)
	return strcmp(arch, "amd64") == 0 || strcmp(arch, "i386") == 0;
#elif defined(__aarch64__)
	return strcmp(arch, "arm64") == 0;
#else
	return false;
#endif
}

static int add_one(struct graph *g, struct upstreams *u, const struct container *c, struct err *err)
{
	struct derived_step *d = &u->derived[u->n_derived];
	const struct lock_image *from = locked(u->lock, c->upstream);

	if (!from)
		return err_set(err, ERR_VERIFY, "the lock has no image %s", c->upstream);
	if (c->derived->command.n && !runs_here(u->lock->arch)) {
		err_set(err, ERR_TOOL, "container %s: the command in its image is for %s and cannot be run here yet",
			c->base, u->lock->arch);
		return err_hint(err, "build on a machine of that architecture");
	}
	*d = (struct derived_step){.spec = c->derived, .name = c->image, .from = from, .all = u};
	_cleanup_free_ char *name = xasprintf("derived-%s-%s", c->service, c->base);
	_cleanup_free_ char *what = c->derived->command.n
					    ? xasprintf("%s in %s", path_base(c->derived->command.v[0]), from->source)
					    : xasprintf("files in %s", from->source);
	struct hash *h = hash_new();
	d->layer = graph_add(g, name, what);
	u->n_derived++;
	for (size_t k = 0; k < from->pin.n_layers; k++)
		step_needs(d->layer, h, upstreams_index(u, &from->pin.layers[k]));
	int r = hash_spec(h, d, err);
	hash_end(h, d->layer->key);
	d->layer->make = make;
	d->layer->arg = d;
	return r < 0 ? err_wrap(err, "container %s", c->base) : 0;
}

int derived_add(struct graph *g, struct upstreams *u, const struct appliance *a, struct err *err)
{
	u->derived = arena_alloc(&u->arena, (a->containers.n + 1) * sizeof *u->derived);
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (c->derived && c->instance <= 1 && add_one(g, u, c, err) < 0)
			return -1;
	}
	return 0;
}

int derived_image(const struct derived_step *d, struct arena *mem, struct upstream_image *ret, struct err *err)
{
	struct upstream_image *from = ARENA_NEW(mem, struct upstream_image);
	struct upstream_layer *top = ARENA_NEW(mem, struct upstream_layer);
	_cleanup_free_ char *tar = step_path(d->layer, "layer.tar");
	struct layer_info info;

	if (upstreams_read(d->all, d->from, mem, from, err) < 0 || layer_info_read(d->layer->dir, &info, err) < 0)
		return -1;
	const char *hex = arena_strdup(mem, info.diff_id);
	*top = (struct upstream_layer){.path = arena_strdup(mem, tar),
		.digest = hex,
		.size = info.size,
		.diff_size = info.size,
		.diff_id = hex,
		.index = d->layer->dir};
	layer_info_release(&info);
	return image_derive(from, top, d->name, d->all->lock->epoch, mem, ret, err);
}
