/*
 * The derived images of a profile alone, for test scripts: no packages, no mirror, nothing but their steps.
 *   derived PROFILE CACHE JOBS OUT     OUT/NAME is an OCI layout of each (tag "kiln"). Prints "NAME DIRECTORY-OF-STEP".
 */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "lock/lock.h"
#include "oci/manifest.h"
#include "steps/upstream.h"
#include <unistd.h>

#define EPOCH 1700000000

static int put_blob(
	const char *out, const char *digest, const char *from, const char *data, size_t len, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/blobs/sha256/%s", out, digest);
	if (path_exists(path))
		return 0;
	return from ? path_copy(from, path, 0644, err) : path_write(path, data, len, 0644, err);
}

static int put_layout(const struct upstream_image *i, const char *out, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	_cleanup_free_ char *blobs = path_join(out, "blobs/sha256"), *layout = path_join(out, "oci-layout");
	_cleanup_free_ char *index = path_join(out, "index.json");
	_cleanup_json_ json_t *j = json_pack("{s:i, s:[{s:s, s:s+, s:I, s:{s:s}}]}", "schemaVersion", 2, "manifests",
		"mediaType", TYPE_OCI_MANIFEST, "digest", "sha256:", i->manifest.digest, "size",
		(json_int_t)i->manifest.len, "annotations", "org.opencontainers.image.ref.name", "kiln");
	if (path_mkdirs(blobs, err) || path_write(layout, version, strlen(version), 0644, err) ||
		put_blob(out, i->manifest.digest, NULL, i->manifest.data, i->manifest.len, err) ||
		put_blob(out, i->config.digest, NULL, i->config.data, i->config.len, err))
		return -1;
	for (size_t k = 0; k < i->n_layers; k++)
		if (put_blob(out, i->layers[k].digest, i->layers[k].path, NULL, 0, err))
			return -1;
	return json_write(index, j, err);
}

static int put_all(const struct upstreams *u, const char *out, struct err *err)
{
	struct arena mem = {0};
	int r = 0;
	for (size_t i = 0; i < u->n_derived && !r; i++) {
		const struct derived_step *d = &u->derived[i];
		_cleanup_free_ char *name = xstrdup(d->spec->id), *to = NULL;
		struct upstream_image image;
		*strchr(name, '/') = '-';
		to = path_join(out, name);
		r = derived_image(d, &mem, &image, err) || upstream_check(&image, err) || put_layout(&image, to, err);
		printf("%s %s\n", name, d->layer->dir);
	}
	arena_release(&mem);
	return r;
}

static int run(const struct appliance *a, struct cache *cache, unsigned jobs, const char *out, struct err *err)
{
	_cleanup_lock_ struct lock l = {.arch = a->arch, .epoch = EPOCH};
	struct graph g = {.cache = cache_dir(cache), .jobs = jobs, .explain = getenv("EXPLAIN") != NULL};
	struct upstreams u = {0};
	VEC(struct step *) goals = {0};
	static const char *const dirs[] = {"steps", "tmp", "logs"};
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *dir = cache_path(cache, dirs[i]);
		if (path_mkdirs(dir, err))
			return -1;
	}
	int r = lock_pin_images(a, cache, true, &l, err) || lock_fetch_images(&l, a, cache, NULL, err) ||
		upstreams_add(&g, &u, a, &l, cache, err);
	for (size_t i = 0; i < u.n_derived; i++)
		vec_push(&goals, u.derived[i].layer);
	vec_push(&goals, (struct step *)NULL);
	if (!r)
		r = graph_run(&g, goals.v, err) || put_all(&u, out, err);
	vec_release(&goals);
	graph_release(&g);
	upstreams_release(&u);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct cache *cache = NULL;
	uint64_t jobs;
	if (argc != 5 || !str_to_u64(argv[3], &jobs)) {
		fprintf(stderr, "usage: see the top of derived.c\n");
		return 1;
	}
	_cleanup_appliance_ struct appliance *a = appliance_load(argv[1], &e);
	int r = !a || cache_open(argv[2], NULL, &cache, &e) || run(a, cache, (unsigned)jobs, argv[4], &e);
	if (r)
		fprintf(stderr, "derived: %s\n", e.msg);
	if (r && e.hint)
		fprintf(stderr, "hint: %s\n", e.hint);
	cache_close(cache);
	return r ? 1 : 0;
}
