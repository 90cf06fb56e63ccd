/* The trees to compose: tools, base and os from all services, and one for each composed image. */
#include "base/vec.h"
#include "plan/planner.h"

/* One package list, each name once, in the order in which they were asked for. */
static int add_texts(
	const struct scope *s, const struct ylist *in, const char *what, struct str_list *out, struct err *err)
{
	for (size_t i = 0; i < in->n; i++) {
		const char *text;
		if (eval_known(s, in->v[i], what, &text, err) < 0)
			return -1;
		if (!list_has(out, text))
			list_add(s->pl->arena, out, text);
	}
	return 0;
}

static int add_files(
	const struct scope *s, const file_defs *defs, const char *dir, struct file_list *out, struct err *err)
{
	struct file_list more;
	if (render_files(s, defs, dir, true, &more, err) < 0)
		return -1;
	struct file_spec *v = arena_alloc(s->pl->arena, (out->n + more.n + 1) * sizeof *v);
	if (out->n)
		memcpy(v, out->v, out->n * sizeof *v);
	for (size_t i = 0; i < more.n; i++) {
		for (size_t k = 0; k < out->n; k++)
			if (!strcmp(out->v[k].path, more.v[i].path))
				return ynode_err(defs->v[i].self, err, "%s: another service places this file too",
					more.v[i].path);
		v[out->n + i] = more.v[i];
	}
	out->v = v;
	out->n += more.n;
	return 0;
}

static void add_dirs(const struct scope *s, const struct tree_def *d, struct tree_spec *t)
{
	struct dir_spec *v = arena_alloc(s->pl->arena, (t->dirs.n + d->directories.n + 1) * sizeof *v);
	if (t->dirs.n)
		memcpy(v, t->dirs.v, t->dirs.n * sizeof *v);
	for (size_t i = 0; i < d->directories.n; i++) {
		const struct dir_def *x = &d->directories.v[i];
		v[t->dirs.n++] =
			(struct dir_spec){.path = x->path, .owner = x->owner, .group = x->group, .mode = x->mode};
	}
	t->dirs.v = v;
}

static int add_links(const struct scope *s, const struct tree_def *d, struct tree_spec *t, struct err *err)
{
	struct kv_list more;
	if (eval_map(s, &d->links, false, &more, err) < 0)
		return -1;
	struct kv *v = arena_alloc(s->pl->arena, (t->links.n + more.n + 1) * sizeof *v);
	if (t->links.n)
		memcpy(v, t->links.v, t->links.n * sizeof *v);
	if (more.n)
		memcpy(v + t->links.n, more.v, more.n * sizeof *v);
	t->links.v = v;
	t->links.n += more.n;
	return 0;
}

/* Add what a definition says to a tree; several services may add to one. */
static int add_def(
	const struct scope *s, const struct tree_def *d, const char *dir, struct tree_spec *t, struct err *err)
{
	if (!d)
		return 0;
	if (add_texts(s, &d->packages, "packages", &t->packages, err) < 0 ||
		add_texts(s, &d->debconf, "debconf", &t->debconf, err) < 0 ||
		add_texts(s, &d->remove, "remove", &t->remove, err) < 0 ||
		add_texts(s, &d->mask, "mask", &t->mask, err) < 0 ||
		add_texts(s, &d->enable, "enable", &t->enable, err) < 0)
		return -1;
	if (add_files(s, &d->seed, dir, &t->seed, err) < 0 || add_files(s, &d->files, dir, &t->files, err) < 0)
		return -1;
	add_dirs(s, d, t);
	return add_links(s, d, t, err);
}

/* What the profile itself adds to the OS: kernel, firmware, packages, files. */
static int add_profile(struct planner *pl, struct tree_spec *os, struct err *err)
{
	struct scope s = {.pl = pl};
	for (size_t i = 0; i < pl->n_firmware; i++) {
		const struct firmware_def *d = pl->firmware[i];
		if (add_texts(&s, &d->packages, "packages", &os->packages, err) < 0 ||
			add_texts(&s, &d->modules, "modules", &pl->a->kernel_modules, err) < 0 ||
			add_files(&s, &d->files, NULL, &os->files, err) < 0)
			return -1;
	}
	if (add_texts(&s, &pl->profile->packages, "packages", &os->packages, err) < 0)
		return -1;
	return add_files(&s, &pl->profile->files, NULL, &os->files, err);
}

static int add_images(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		for (size_t k = 0; k < svc->def->containers.n; k++) {
			const struct container_def *d = &svc->def->containers.v[k];
			if (d->image->reference || d->image->from || !svc->count[k])
				continue;
			struct tree_spec *t = &a->trees.v[a->trees.n++];
			struct scope s = {.pl = pl, .svc = svc};
			t->id = arena_printf(pl->arena, "image/%s/%s", svc->def->name, d->name);
			t->parent = "base";
			t->configure = true;
			if (add_def(&s, d->image, svc->def->dir, t, err) < 0)
				return -1;
			for (size_t m = 0; m < svc->count[k]; m++)
				a->containers.v[svc->first[k] + m].tree = t;
		}
	}
	return 0;
}

/*
 * What modules are built from and with stands on the tools, so that these stay the same in every appliance. No
 * package's scripts run in there, and one of the alternatives that they would choose is what a kernel's Makefile needs.
 */
static int add_builds(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	struct scope s = {.pl = pl};
	static struct kv awk[] = {{.key = "/usr/bin/awk", .value = "mawk"}};
	size_t k = 0;
	for (size_t i = 0; i < pl->n_firmware; i++) {
		if (!pl->firmware[i]->build)
			continue;
		struct tree_spec *t = &a->trees.v[a->trees.n++];
		t->id = arena_printf(pl->arena, "build/%s", pl->firmware[i]->name);
		t->parent = "tools";
		t->links = (struct kv_list){awk, ARRAY_SIZE(awk)};
		a->builds.v[k++].tree = t;
		if (add_texts(&s, &pl->firmware[i]->build->packages, "packages", &t->packages, err) < 0)
			return -1;
	}
	return 0;
}

int plan_trees(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	size_t images = 0;
	for (size_t i = 0; i < pl->n_svcs; i++)
		images += pl->svcs[i].def->containers.n;
	a->trees.v = arena_alloc(pl->arena, (3 + images + a->builds.n + 1) * sizeof *a->trees.v);
	a->trees.n = 3;
	struct tree_spec *tools = &a->trees.v[0], *base = &a->trees.v[1], *os = &a->trees.v[2];
	tools->id = "tools";
	base->id = "base";
	os->id = "os";
	base->configure = os->configure = true;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		const struct service_def *def = pl->svcs[i].def;
		struct scope s = {.pl = pl, .svc = &pl->svcs[i]};
		if (add_def(&s, def->trees.tools, def->dir, tools, err) < 0 ||
			add_def(&s, def->trees.base, def->dir, base, err) < 0 ||
			add_def(&s, def->trees.os, def->dir, os, err) < 0)
			return -1;
	}
	if (add_profile(pl, os, err) < 0)
		return -1;
	return add_images(pl, err) < 0 ? -1 : add_builds(pl, err);
}
