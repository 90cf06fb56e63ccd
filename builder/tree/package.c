#include "tree/package.h"
#include "base/path.h"
#include <ctype.h>
#include <dirent.h>
#include <string.h>

enum { CONTROL_MAX = 1 << 20, SCRIPT_MAX = 16 << 20 };

/* Call fn with each package name of a relationship field. A version, an architecture and alternatives' order do not
 * matter here. */
static void each_related(const char *value, void (*fn)(const char *name, size_t len, void *arg), void *arg)
{
	while (value && *value) {
		size_t skip = strspn(value, " \t\n,|");
		value += skip;
		size_t n = 0;
		while (value[n] && (isalnum((unsigned char)value[n]) || strchr("+-.", value[n])))
			n++;
		if (n)
			fn(value, n, arg);
		value += strcspn(value, ",|");
	}
}

struct search {
	const char *what;
	bool found;
};

static void match(const char *name, size_t len, void *arg)
{
	struct search *s = arg;

	if (strlen(s->what) == len && strncmp(name, s->what, len) == 0)
		s->found = true;
}

bool package_relates(const struct package *p, const char *field, const char *what)
{
	struct search s = {.what = what};

	each_related(control_get(p->control, field), match, &s);
	return s.found;
}

static bool has_root_links(const char *data)
{
	DIR *d = opendir(data);
	bool found = false;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		found |= e->d_type == DT_LNK;
	if (d)
		closedir(d);
	return found;
}

/* Renaming other packages' files aside works only before the own ones are in place. */
static bool diverts(const char *script)
{
	if (strstr(script, "dpkg-statoverride") && strstr(script, "--add"))
		return true;
	return strstr(script, "dpkg-divert") && !strstr(script, "--no-rename") &&
	       (strstr(script, "--add") || strstr(script, "--rename") || strstr(script, "--divert"));
}

static int load_preinst(struct package *p, struct err *err)
{
	_cleanup_free_ char *path = path_join(p->dir, "control/preinst");

	p->has_preinst = path_exists(path);
	if (!p->has_preinst)
		return 0;
	_cleanup_free_ char *text = path_read(path, SCRIPT_MAX, NULL, err);
	if (!text)
		return -1;
	p->by_dpkg = !p->essential && diverts(text);
	return 0;
}

static int load_one(struct package *p, const struct tree_deb *deb, const char *cache, struct err *err)
{
	size_t len;

	*p = (struct package){.deb = deb, .dir = xasprintf("%s/unpacked/%s", cache, deb->sha256)};
	_cleanup_free_ char *path = path_join(p->dir, "control/control");
	_cleanup_free_ char *text = path_read(path, CONTROL_MAX, &len, err);
	if (!text || control_parse(text, len, path, &p->file, err) < 0)
		return -1;
	if (p->file.paras.n != 1)
		return err_set(err, ERR_VERIFY, "%s: expected one paragraph, found %zu", path, p->file.paras.n);
	p->control = &p->file.paras.v[0];
	p->name = control_get(p->control, "Package");
	p->version = control_get(p->control, "Version");
	p->arch = control_get(p->control, "Architecture");
	if (!control_is_package(p->name) || !control_is_version(p->version) || !control_is_arch(p->arch))
		return err_set(err, ERR_VERIFY, "%s: Package, Version or Architecture is missing or malformed", path);
	p->essential = str_eq(control_get(p->control, "Essential"), "yes");
	p->info = str_eq(control_get(p->control, "Multi-Arch"), "same") ? xasprintf("%s:%s", p->name, p->arch)
									: xstrdup(p->name);
	_cleanup_free_ char *data = path_join(p->dir, "data");
	p->has_links = has_root_links(data);
	return load_preinst(p, err);
}

struct ordering {
	struct package_list *from;
	struct package_list to;
};

static void visit(struct ordering *o, struct package *p);

static void visit_named(const char *name, size_t len, void *arg)
{
	struct ordering *o = arg;

	for (size_t i = 0; i < o->from->pkgs.n; i++) {
		struct package *p = &o->from->pkgs.v[i];
		if (strlen(p->name) == len && strncmp(p->name, name, len) == 0)
			visit(o, p);
	}
}

/* Depth first; a circle is entered where it is met. */
static void visit(struct ordering *o, struct package *p)
{
	if (p->visited)
		return;
	p->visited = true;
	each_related(control_get(p->control, "Pre-Depends"), visit_named, o);
	each_related(control_get(p->control, "Depends"), visit_named, o);
	vec_push(&o->to.pkgs, *p);
}

static int by_name(const void *a, const void *b)
{
	const struct package *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->arch, y->arch);
}

static void sort(struct package_list *l)
{
	struct ordering o = {.from = l};

	if (l->pkgs.n)
		qsort(l->pkgs.v, l->pkgs.n, sizeof *l->pkgs.v, by_name);
	for (size_t i = 0; i < l->pkgs.n; i++) /* merged /usr before anything is put into it */
		if (l->pkgs.v[i].has_links) {
			l->pkgs.v[i].visited = true;
			vec_push(&o.to.pkgs, l->pkgs.v[i]);
		}
	for (size_t i = 0; i < l->pkgs.n; i++)
		if (l->pkgs.v[i].essential)
			visit(&o, &l->pkgs.v[i]);
	for (size_t i = 0; i < l->pkgs.n; i++)
		visit(&o, &l->pkgs.v[i]);
	free(l->pkgs.v);
	*l = o.to;
}

int packages_load(struct package_list *l, const struct tree_job *job, struct err *err)
{
	for (size_t i = 0; i < job->n_debs; i++) {
		vec_push(&l->pkgs, (struct package){0});
		if (load_one(&l->pkgs.v[i], &job->debs[i], job->cache, err) < 0)
			return -1;
	}
	sort(l);
	return 0;
}

void packages_release(struct package_list *l)
{
	for (size_t i = 0; i < l->pkgs.n; i++) {
		free(l->pkgs.v[i].dir);
		free(l->pkgs.v[i].info);
		control_release(&l->pkgs.v[i].file);
		strvec_release(&l->pkgs.v[i].lost);
	}
	vec_release(&l->pkgs);
}
