#include "steps/modules.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "boot/initrd.h"
#include "boot/modbuild.h"
#include "config/modkey.h"
#include "steps/spec.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Raised when a change of kiln changes what a step makes of the same input. */
enum { MODULES_VERSION = 1, LAYER_VERSION = 1 };
enum { KEY_MAX = 1 << 20 };

static struct modbuild builder_of(const struct module_step *s, const char *log)
{
	return (struct modbuild){.spec = s->build,
		.lowers = s->tree->all,
		.epoch = s->all->trees->epoch,
		.jobs = s->all->jobs ? s->all->jobs : pool_cores(),
		.log = log};
}

static int make_modules(const struct step *step, const char *dir, struct err *err)
{
	const struct module_step *s = step->arg;
	_cleanup_free_ char *log = xasprintf("%s/logs/%s.log", s->all->cache, step->name);
	_cleanup_err_ struct err ignored = ERR_INIT;
	const struct modbuild b = builder_of(s, log);

	(void)path_remove(log, &ignored); /* of an earlier try */
	if (modbuild_make(&b, dir, err) == 0)
		return 0;
	return err->hint ? -1 : err_hint(err, "all that was said: %s", log);
}

/* ---- the key ---- */

static char *read_key(const char *path, struct err *err)
{
	char *pem = path_read(path, KEY_MAX, NULL, err);

	if (pem && modkey_check(pem, err) < 0) {
		err_wrap(err, "%s", path);
		explicit_bzero(pem, strlen(pem));
		free(pem);
		return NULL;
	}
	return pem;
}

static void wipe(char **pem)
{
	if (*pem)
		explicit_bzero(*pem, strlen(*pem));
	free(*pem);
}

/* Another kiln may make one now: whose link comes first, has made it. */
static int make_key(const struct cache *cache, const char *path, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path), *tmp = NULL;
	char *pem __attribute__((cleanup(wipe))) = modkey_make(err);
	int fd = -1;

	if (!pem || path_mkdirs(dir, err) < 0 || chmod(dir, 0700) < 0 ||
		!(tmp = cache_tmp_file(cache, "key", &fd, err)))
		return err->msg ? -1 : err_sys(err, errno, "%s", dir);
	int r = fchmod(fd, 0600) < 0 || fd_write_all(fd, pem, strlen(pem)) < 0 || fsync(fd) < 0 ||
				(link(tmp, path) < 0 && errno != EEXIST)
			? err_sys(err, errno, "write %s", path)
			: 0;
	close(fd);
	unlink(tmp);
	return r < 0 ? -1 : path_sync_dir(dir, err);
}

/* ---- the layer ---- */

static int check_kernel(const struct module_step *s, const char *kernel, struct err *err)
{
	_cleanup_free_ char *note = step_path(s->made, "kernel"), *of = path_read(note, 4096, NULL, err);

	if (!of)
		return -1;
	if (str_eq(of, kernel))
		return 0;
	err_set(err, ERR_CONFIG, "the modules of %s are for the kernel %s, the OS tree has %s", s->build->set, of,
		kernel);
	return err_hint(err, "its `build:` brings the headers of another kernel than `kernel:` of the profile");
}

static int write_certificate(const struct modules *m, const char *path, struct err *err)
{
	char *pem __attribute__((cleanup(wipe))) = read_key(m->key, err);
	_cleanup_strbuf_ struct strbuf der = STRBUF_INIT;
	_cleanup_free_ char *dir = path_dir(path);

	if (!pem || modkey_certificate(pem, &der, err) < 0 || path_mkdirs(dir, err) < 0)
		return -1;
	return path_write(path, der.s, der.len, 0644, err);
}

static int make_layer(const struct step *step, const char *dir, struct err *err)
{
	const struct modules *m = step->arg;
	const char *const *os = m->os + 1; /* without what is made here */
	_cleanup_free_ char *tree = path_join(dir, "tree"), *work = path_join(dir, "work"),
			    *certificate = path_join(tree, MODULES_CERTIFICATE);
	_cleanup_kernel_ struct kernel k = {0};

	if (kernel_find(os, &k, err) < 0)
		return -1;
	_cleanup_free_ char *below = xasprintf(MODULES_DIR, k.version), *to = path_join(tree, below);
	if (path_mkdirs(to, err) < 0 || path_mkdirs(work, err) < 0 || write_certificate(m, certificate, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		const struct modbuild b = builder_of(&m->v[i], NULL);
		if (check_kernel(&m->v[i], k.version, err) < 0 ||
			modbuild_sign(&b, m->v[i].made->dir, m->key, certificate, to, err) < 0)
			return -1;
	}
	if (modbuild_depmod(os, k.version, m->trees->epoch, tree, work, err) < 0)
		return -1;
	return ns_remove(work, err);
}

/* ---- the graph ---- */

static int add_one(struct graph *g, struct module_step *s, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("modules-%s", s->build->set);
	_cleanup_free_ char *what =
		xasprintf("compile %zu kernel module%s", s->build->modules.n, s->build->modules.n == 1 ? "" : "s");

	s->made = graph_add(g, name, what);
	s->made->make = make_modules;
	s->made->arg = s;
	struct hash *h = hash_new();
	hash_field(h, "modules");
	hash_field_u64(h, MODULES_VERSION);
	hash_field_u64(h, s->all->trees->epoch);
	step_needs(s->made, h, s->tree->tree);
	step_needs(s->made, h, s->tree->parent->tree);
	hash_field(h, s->build->source);
	for (size_t i = 0; i < s->build->commands.n; i++)
		spec_hash_list(h, &s->build->commands.v[i]);
	hash_field(h, NULL);
	spec_hash_list(h, &s->build->modules);
	int r = spec_hash_files(h, &s->build->patches, err);
	hash_end(h, s->made->key);
	return r;
}

static void add_layer(struct graph *g, struct modules *m, const char *key_hash)
{
	m->layer = graph_add(g, "os-modules", "sign kernel modules");
	m->layer->make = make_layer;
	m->layer->arg = m;
	struct hash *h = hash_new();
	hash_field(h, "os-modules");
	hash_field_u64(h, LAYER_VERSION);
	step_needs(m->layer, h, trees_find(m->trees, "os")->tree);
	for (size_t i = 0; i < m->n; i++) {
		step_needs(m->layer, h, m->v[i].made);
		step_needs(m->layer, h, m->v[i].tree->tree); /* sign-file */
		step_needs(m->layer, h, m->v[i].tree->parent->tree);
	}
	hash_field(h, key_hash);
	hash_end(h, m->layer->key);
}

int modules_add(struct graph *g, struct modules *m, const struct appliance *a, struct trees *trees, struct cache *cache,
	bool make, struct err *err)
{
	char key_hash[HASH_HEX] = "";

	m->trees = trees;
	m->cache = cache_dir(cache);
	m->jobs = g->jobs;
	if (!a->builds.n)
		return 0;
	_cleanup_free_ char *own = cache_path(cache, "keys/modules.pem");
	m->key = arena_strdup(&m->arena, a->module_key ? a->module_key : own);
	if (make && !a->module_key && !path_exists(m->key) && make_key(cache, m->key, err) < 0)
		return -1;
	if ((make || path_exists(m->key)) && hash_file(m->key, key_hash, err) < 0)
		return -1;
	m->v = arena_alloc(&m->arena, a->builds.n * sizeof *m->v);
	for (; m->n < a->builds.n; m->n++) {
		struct module_step *s = &m->v[m->n];
		*s = (struct module_step){.build = &a->builds.v[m->n], .all = m};
		s->tree = trees_find(trees, s->build->tree->id);
		if (add_one(g, s, err) < 0)
			return -1;
	}
	add_layer(g, m, key_hash);
	return 0;
}

void modules_paths(struct modules *m)
{
	const struct tree_step *os = trees_find(m->trees, "os");
	size_t n = 0;

	if (m->layer)
		m->os[n++] = arena_printf(&m->arena, "%s/tree", m->layer->dir);
	for (const char *const *p = os->all; *p; p++)
		m->os[n++] = *p;
	m->os[n] = NULL;
}

void modules_release(struct modules *m)
{
	arena_release(&m->arena);
	*m = (struct modules){0};
}
