#include "steps/image.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "boot/compile.h"
#include "boot/initrd.h"
#include "boot/uki.h"
#include "boot/verity.h"
#include "disk/esp.h"
#include "oci/store.h"
#include "steps/models.h"
#include "tree/squash.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Raised when a change of kiln changes what a step makes of the same input. */
enum { PROGRAM_VERSION = 1, ROOT_VERSION = 3, STORE_VERSION = 1, INITRD_VERSION = 1, ESP_VERSION = 1 };

static int compile(const struct step *step, const struct target_program *program, const char *dir, struct err *err)
{
	const struct image_steps *s = step->arg;
	_cleanup_free_ char *out = path_join(dir, "program");
	struct target_program p = *program;

	p.source_dir = s->source;
	return target_compile(&s->tools, &p, out, err);
}

static int make_init(const struct step *step, const char *dir, struct err *err)
{
	return compile(step, &target_init, dir, err);
}

static int make_agent(const struct step *step, const char *dir, struct err *err)
{
	return compile(step, &target_agent, dir, err);
}

/* Hash tree beside `data`, and the root hash in the file "hash". */
static int add_verity(const struct image_steps *s, const char *data, const char *key, const char *what, const char *dir,
	struct err *err)
{
	_cleanup_free_ char *tree = path_join(dir, "verity"), *hash = path_join(dir, "hash");
	char root_hash[65];

	if (verity_format(&s->tools, data, key, what, tree, root_hash, err) < 0)
		return -1;
	return path_write(hash, root_hash, 64, 0644, err);
}

struct wire_job {
	const struct image_steps *s;
	const char *dir;
};

static int write_wired(void *arg, struct err *err)
{
	const struct wire_job *job = arg;

	return wire_write(job->s->a, &job->s->facts, job->dir, err);
}

static int make_root(const struct step *step, const char *dir, struct err *err)
{
	const struct image_steps *s = step->arg;
	const struct tree_step *os = trees_find(s->trees, "os");
	_cleanup_free_ char *wired = path_join(dir, "wired"), *out = path_join(dir, "root.squashfs");
	_cleanup_free_ char *agent = step_path(s->agent, "program"), *placed = path_join(dir, "agent");
	_cleanup_free_ char *lib = path_join(placed, "usr/lib/kiln"), *to = path_join(lib, "kiln-agent");
	_cleanup_free_ char *bin = path_join(placed, "usr/bin"), *link = path_join(bin, "kiln-agent");
	_cleanup_free_ char *sbom = step_path(s->sbom.step, "sbom.spdx.json"), *told = path_join(lib, "sbom.spdx.json");
	struct wire_job job = {s, wired};

	if (ns_call(write_wired, &job, err) < 0)
		return err_wrap(err, "write what the image contains besides packages");
	if (path_mkdirs(lib, err) < 0 || path_mkdirs(bin, err) < 0 || path_copy(agent, to, 0755, err) < 0 ||
		path_copy(sbom, told, 0644, err) < 0)
		return -1;
	if (symlink("../lib/kiln/kiln-agent", link) < 0) /* for people: units name the program itself */
		return err_sys(err, errno, "make link %s", link);
	_cleanup_free_ char *modules = s->modules->layer ? step_path(s->modules->layer, "tree") : NULL;
	const char *const overlays[] = {placed, wired, modules, NULL};
	struct squash_opts opts = {
		.tools = s->tools.lowers, .out = out, .epoch = s->trees->epoch, .release = s->a->release};
	struct squash_stat stat;
	/* The kernel starts from the UKI on the ESP. */
	static const struct squash_extra no_kernel = {.path = "boot", .type = '2', .target = "efi"};
	const struct root_spec root = {.overlays = overlays, .layers = os->all, .extras = &no_kernel, .n_extras = 1};
	if (root_squash(&opts, &root, &stat, err) < 0)
		return -1;
	if (ns_remove(wired, err) < 0 || path_remove(placed, err) < 0)
		return -1;
	return add_verity(s, out, step->key, "root", dir, err);
}

/* Both forms of a list: kiln's {v, n} is NULL-terminated too; an empty one is NULL. */
static const char *const *list_or_null(const struct str_list *l)
{
	return l->n ? (const char *const *)l->v : NULL;
}

/* One image per container of the plan that is composed; instances share theirs. */
static size_t collect_images(const struct image_steps *s, struct arena *mem, struct image_spec *images)
{
	size_t n = 0;

	for (size_t i = 0; i < s->a->containers.n; i++) {
		const struct container *c = &s->a->containers.v[i];
		if (!c->tree || c->instance > 1)
			continue;
		const struct tree_step *t = trees_find(s->trees, c->tree->id);
		struct layer *own = arena_alloc(mem, sizeof *own), *base = arena_alloc(mem, sizeof *base);
		const struct layer **chain = arena_alloc(mem, 2 * sizeof *chain);
		const char **names = arena_alloc(mem, 2 * sizeof *names);
		size_t k = 0;
		if (t->parent) {
			*base = (struct layer){.dirs = t->parent->own,
				.parents = t->parent->above[0] ? t->parent->above : NULL,
				.index = t->parent->index->dir};
			chain[k++] = base;
		}
		*own = (struct layer){.dirs = t->own, .parents = t->above[0] ? t->above : NULL, .index = t->index->dir};
		chain[k++] = own;
		names[0] = c->image;
		images[n++] = (struct image_spec){.names = names,
			.arch = s->a->arch,
			.layers = chain,
			.n_layers = k,
			.entrypoint = list_or_null(&c->entrypoint),
			.user = c->user,
			.workdir = c->workdir};
	}
	return n;
}

static int make_store(const struct step *step, const char *dir, struct err *err)
{
	const struct image_steps *s = step->arg;
	struct arena mem = {0};
	struct image_spec *images = arena_alloc(&mem, (s->a->containers.n + 1) * sizeof *images);
	_cleanup_free_ char *out = path_join(dir, "store.squashfs"), *list = path_join(dir, "report.json");
	_cleanup_json_ json_t *report = NULL;
	struct store_spec spec = {.images = images, .n_images = collect_images(s, &mem, images)};
	struct squash_opts opts = {
		.tools = s->tools.lowers, .out = out, .epoch = s->trees->epoch, .release = s->a->release};

	spec.upstream = upstreams_images(s->upstreams, &mem, &spec.n_upstream, err);
	spec.models = models_list(s->upstreams->lock, s->upstreams->cache, &mem, &spec.n_models);
	int r = spec.upstream ? store_build(&opts, &spec, &report, err) : -1;
	if (r < 0)
		models_drop_damaged(s->upstreams->lock, s->upstreams->cache, err);
	arena_release(&mem);
	if (r < 0 || json_write(list, report, err) < 0)
		return -1;
	return add_verity(s, out, step->key, "store", dir, err);
}

static int make_initrd(const struct step *step, const char *dir, struct err *err)
{
	const struct image_steps *s = step->arg;
	const char *const *os = s->modules->os;
	_cleanup_free_ char *init = step_path(s->init, "program"), *out = path_join(dir, "initrd");
	_cleanup_kernel_ struct kernel k = {0};

	if (kernel_find(os, &k, err) < 0)
		return -1;
	struct initrd_spec spec = {.os_lowers = os,
		.kernel = k.version,
		.init = init,
		.microcode = &s->a->microcode,
		.modules = &s->a->kernel_modules,
		.level = s->a->release ? 19 : 10};
	return initrd_build(&s->tools, &spec, out, err);
}

char *image_read_hash(const struct step *s, struct err *err)
{
	_cleanup_free_ char *file = step_path(s, "hash");

	return path_read(file, 64, NULL, err);
}

static int make_esp(const struct step *step, const char *dir, struct err *err)
{
	const struct image_steps *s = step->arg;
	const struct tree_step *os = trees_find(s->trees, "os");
	_cleanup_free_ char *root_hash = image_read_hash(s->root, err);
	_cleanup_free_ char *store_hash = root_hash ? image_read_hash(s->store, err) : NULL;
	if (!store_hash)
		return -1;
	_cleanup_free_ char *cmdline = uki_cmdline(root_hash, store_hash, s->trees->epoch, s->a->cmdline);
	_cleanup_free_ char *initrd = step_path(s->initrd, "initrd"), *uki = path_join(dir, "uki");
	_cleanup_free_ char *esp = path_join(dir, "esp"), *label = xasprintf("kiln_%s", s->facts.version);
	_cleanup_free_ char *release = tree_file(os->all, "usr/lib/os-release", err);
	_cleanup_kernel_ struct kernel k = {0};

	if (!release || kernel_find(os->all, &k, err) < 0)
		return -1;
	/* What the loader shows and sorts by is the image's own version, not Debian's. */
	_cleanup_free_ char *own = path_join(dir, "os-release");
	_cleanup_free_ char *text = xasprintf("ID=kiln\nNAME=kiln\nPRETTY_NAME=\"%s %s (kiln)\"\nIMAGE_ID=kiln\n"
					      "IMAGE_VERSION=%s\nVERSION_ID=%s\n",
		s->a->name, s->facts.version, s->facts.version, s->facts.version);
	if (path_write(own, text, strlen(text), 0644, err) < 0)
		return -1;
	struct uki_spec spec = {.arch = s->a->arch,
		.kernel = k.image,
		.version = k.version,
		.initrd = initrd,
		.cmdline = cmdline,
		.os_release = own};
	if (uki_build(&s->tools, &spec, uki, err) < 0)
		return -1;
	return esp_build(&s->tools,
		&(struct esp_spec){.arch = s->a->arch, .uki = uki, .label = label, .key = step->key}, esp, err);
}

static struct step *add(struct graph *g, const char *name, const char *what, struct image_steps *s, unsigned version,
	struct hash **h, int (*make)(const struct step *, const char *, struct err *))
{
	struct step *st = graph_add(g, name, what);

	st->make = make;
	st->arg = s;
	*h = hash_new();
	hash_field(*h, name);
	hash_field_u64(*h, version);
	hash_field_u64(*h, s->trees->epoch);
	return st;
}

static struct step *add_program(struct graph *g, struct image_steps *s, const struct target_program *program,
	const char *what, int (*make)(const struct step *, const char *, struct err *), struct err *err)
{
	char hex[HASH_HEX];
	struct hash *h;
	struct target_program p = *program;

	p.source_dir = s->source;
	if (target_hash(&p, hex, err) < 0)
		return NULL;
	struct step *st = add(g, p.name, what, s, PROGRAM_VERSION, &h, make);
	step_needs(st, h, trees_find(s->trees, "tools")->tree);
	hash_field(h, hex);
	hash_end(h, st->key);
	return st;
}

int image_add_programs(struct graph *g, struct image_steps *s, struct err *err)
{
	s->source = target_sources((const char *const *)s->a->roots.v, err);
	if (!s->source)
		return -1;
	s->init = add_program(g, s, &target_init, "compile the first process", make_init, err);
	s->agent = s->init ? add_program(g, s, &target_agent, "compile kiln-agent", make_agent, err) : NULL;
	return s->agent ? 0 : -1;
}

static int add_store(struct graph *g, struct image_steps *s, struct step *tools, struct err *err)
{
	struct hash *h;

	s->store = add(g, "store", "container images", s, STORE_VERSION, &h, make_store);
	step_needs(s->store, h, tools);
	hash_field_u64(h, s->a->release);
	for (size_t i = 0; i < s->a->containers.n; i++) {
		const struct container *c = &s->a->containers.v[i];
		if (!c->tree || c->instance > 1)
			continue;
		const struct tree_step *t = trees_find(s->trees, c->tree->id);
		step_needs(s->store, h, t->index);
		step_needs(s->store, h, t->tree);
		if (t->parent)
			step_needs(s->store, h, t->parent->index);
		hash_field(h, c->image);
		hash_field(h, c->user);
		hash_field(h, c->workdir);
		for (size_t k = 0; k < c->entrypoint.n; k++)
			hash_field(h, c->entrypoint.v[k]);
		hash_field(h, NULL);
	}
	int r = upstreams_need(s->upstreams, s->store, h, err);
	models_need(s->upstreams->lock, h);
	hash_end(h, s->store->key);
	return r;
}

int image_add_parts(struct graph *g, struct image_steps *s, const char *wired, struct err *err)
{
	struct step *tools = trees_find(s->trees, "tools")->tree, *os = trees_find(s->trees, "os")->tree;
	struct hash *h;

	s->root = add(g, "root", "OS root file system", s, ROOT_VERSION, &h, make_root);
	step_needs(s->root, h, tools);
	step_needs(s->root, h, os);
	step_needs(s->root, h, s->modules->layer);
	step_needs(s->root, h, s->agent);
	step_needs(s->root, h, s->sbom.step);
	hash_field(h, wired);
	hash_field_u64(h, s->a->release);
	hash_end(h, s->root->key);

	if (add_store(g, s, tools, err) < 0)
		return -1;

	s->initrd = add(g, "initrd", "initrd", s, INITRD_VERSION, &h, make_initrd);
	step_needs(s->initrd, h, tools);
	step_needs(s->initrd, h, os);
	step_needs(s->initrd, h, s->modules->layer);
	step_needs(s->initrd, h, s->init);
	hash_field_u64(h, s->a->release);
	for (size_t i = 0; i < s->a->kernel_modules.n; i++)
		hash_field(h, s->a->kernel_modules.v[i]);
	for (size_t i = 0; i < s->a->microcode.n; i++) {
		hash_field(h, s->a->microcode.v[i].key);
		hash_field(h, s->a->microcode.v[i].value);
	}
	hash_end(h, s->initrd->key);

	s->esp = add(g, "esp", "UKI and ESP", s, ESP_VERSION, &h, make_esp);
	step_needs(s->esp, h, tools);
	step_needs(s->esp, h, s->initrd);
	step_needs(s->esp, h, s->root);
	step_needs(s->esp, h, s->store);
	hash_field(h, s->a->cmdline);
	hash_field(h, s->facts.version);
	hash_end(h, s->esp->key);
	return 0;
}

void image_steps_release(struct image_steps *s)
{
	free(s->source);
}
