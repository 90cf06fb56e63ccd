/*
 * Resolution: apt decides, in a private root, tree by tree; a tree with a parent is resolved on a dpkg status that has
 * the parent's packages as installed. What apt chose is then looked up in the index it used.
 */
#include "base/log.h"
#include "base/path.h"
#include "base/progress.h"
#include "lock/resolver.h"
#include <ctype.h>
#include <string.h>

static void resolver_release(struct resolver *r)
{
	for (size_t i = 0; r->choices && i < r->a->trees.n; i++)
		vec_release(&r->choices[i].v);
	free(r->choices);
	free(r->status);
	index_release(&r->index);
	sources_release(&r->sources);
	apt_root_release(&r->root);
}

/* Names go to apt as arguments, where more than names has a meaning ("-x", "x-", "x=1", "x/sid", "x*"). */
static int check_name(const char *name, struct err *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	if (n >= 2 && !name[n] && isalnum((unsigned char)name[0]) && name[n - 1] != '-')
		return 0;
	return err_set(err, ERR_CONFIG, "\"%s\" is no name of a package", name);
}

static int write_sources(struct resolver *r, struct err *err)
{
	_cleanup_free_ char *path = apt_root_path(&r->root, "etc/sources.list.d/kiln.sources");
	_cleanup_free_ char *keyring = apt_root_keyring(&r->root, r->sources.keyring, err);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!keyring)
		return -1;
	for (size_t i = 0; i < r->sources.all.n; i++) {
		strbuf_addf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents:", r->sources.all.v[i].uri,
			r->sources.all.v[i].suite);
		for (size_t k = 0; k < r->a->components.n; k++)
			strbuf_addf(&b, " %s", r->a->components.v[k]);
		strbuf_addf(&b, "\nArchitectures: %s\nSigned-By: %s\n\n", r->a->arch, keyring);
	}
	return path_write(path, strbuf_cstr(&b), b.len, 0644, err);
}

/* Bring the index up to date. sources.json appears when all of it is there: --offline relies on that. */
static int update(struct resolver *r, struct err *err)
{
	_cleanup_free_ char *saved = apt_root_path(&r->root, "sources.json");
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	struct progress_step *step = progress_begin("index", r->sources.main, 0, PROGRESS_COUNT);
	strvec_addl(&argv, "apt-get", "update", "-q", NULL);
	int done = apt_root_space(&r->root, err);
	if (done == 0)
		done = sources_probe(&r->sources, r->a->suite, err);
	if (done == 0)
		done = write_sources(r, err);
	if (done == 0 && apt_root_run(&r->root, &argv, &out, err) < 0)
		done = err_wrap(err, "package index of %s", r->sources.main);
	if (done == 0)
		done = sources_save(&r->sources, saved, err);
	progress_end(step, done == 0);
	return done;
}

static int load_saved(struct resolver *r, struct err *err)
{
	_cleanup_free_ char *saved = apt_root_path(&r->root, "sources.json");

	return sources_load(&r->sources, saved, err) < 0 ? -1 : write_sources(r, err);
}

/* The root's name: everything that decides what is in it. */
static int root_key(const struct resolver *r, char key[HASH_HEX], struct err *err)
{
	char keyring[HASH_HEX];

	if (hash_file(r->sources.keyring, keyring, err) < 0)
		return -1;
	struct hash *h = hash_new();
	hash_field(h, r->a->arch);
	hash_field(h, r->a->suite);
	hash_field(h, r->sources.main);
	hash_field(h, r->sources.updates);
	hash_field(h, r->sources.security);
	hash_field(h, keyring);
	for (size_t i = 0; i < r->a->components.n; i++)
		hash_field(h, r->a->components.v[i]);
	hash_end(h, key);
	key[16] = 0;
	return 0;
}

static int open_index(struct resolver *r, struct cache *c, bool offline, struct err *err)
{
	_cleanup_apt_conf_ struct apt_conf host = {0};
	char key[HASH_HEX];

	if (sources_find(r->a, &r->sources, err) < 0 || root_key(r, key, err) < 0 || apt_conf_read(&host, err) < 0 ||
		apt_root_open(&r->root, c, key, r->a->arch, &host, err) < 0 ||
		(offline ? load_saved(r, err) : update(r, err)) < 0)
		return -1;
	return index_load(&r->index, &r->root, &r->sources, err);
}

static size_t tree_number(const struct appliance *a, const char *id)
{
	size_t i = 0;

	while (i < a->trees.n && strcmp(a->trees.v[i].id, id) != 0)
		i++;
	return i;
}

/* dpkg's status as if the packages of a tree and of those below it were installed. */
static int write_status(struct resolver *r, const char *parent, struct err *err)
{
	_cleanup_free_ char *path = apt_root_path(&r->root, "status");
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	while (parent) {
		size_t t = tree_number(r->a, parent);
		for (size_t i = 0; i < r->choices[t].v.n; i++) {
			const struct index_entry *e = r->choices[t].v.v[i];
			strbuf_add(&b, e->paragraph.s, e->paragraph.n);
			strbuf_adds(&b, "\nStatus: install ok installed\n\n");
		}
		parent = r->a->trees.v[t].parent;
	}
	/* An unchanged file keeps apt's binary cache of it valid: half a second per tree. */
	if (r->status && strcmp(r->status, strbuf_cstr(&b)) == 0)
		return 0;
	free(r->status);
	r->status = xstrdup(strbuf_cstr(&b));
	return path_write(path, strbuf_cstr(&b), b.len, 0644, err);
}

static bool below_has(const struct resolver *r, const char *parent, const struct index_entry *e)
{
	while (parent) {
		size_t t = tree_number(r->a, parent);
		for (size_t i = 0; i < r->choices[t].v.n; i++) {
			const struct index_entry *b = r->choices[t].v.v[i];
			if (b->name.n == e->name.n && memcmp(b->name.s, e->name.s, e->name.n) == 0)
				return true;
		}
		parent = r->a->trees.v[t].parent;
	}
	return false;
}

/* "'URI' FILE SIZE HASH" per package, from apt-get --print-uris. */
static int take_uris(struct resolver *r, const struct tree_spec *t, struct choice *c, char *out, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	str_split(&lines, out, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *uri = lines.v[i], *end;
		if (*uri++ != '\'' || !(end = strchr(uri, '\'')))
			continue;
		*end = 0;
		const struct index_entry *e = index_by_uri(&r->index, &r->sources, uri);
		if (!e)
			return err_set(err, ERR_TOOL, "apt chose %s, which is in no index of its own", uri);
		if (!e->sha256.n)
			return err_set(err, ERR_VERIFY, "%.*s: the index gives no SHA256", (int)e->name.n, e->name.s);
		if (below_has(r, t->parent, e))
			return err_set(err, ERR_RESOLVE, "apt wants to replace %.*s of the tree %s below it",
				(int)e->name.n, e->name.s, t->parent);
		vec_push(&c->v, e);
	}
	return 0;
}

/* A name that is like no other may be of a component that the profile does not take. */
static void hint_components(const struct resolver *r, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < r->a->components.n; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "", r->a->components.v[i]);
	err_hint(err, "of Debian's components the profile takes: %s", strbuf_cstr(&b));
}

/* apt's words for a wrong name, in ours. */
static int explain(const struct resolver *r, const struct tree_spec *t, struct err *err)
{
	static const char mark[] = "Unable to locate package ";
	const char *at = strstr(err->msg, mark);

	if (at) {
		at += strlen(mark);
		_cleanup_free_ char *name = xstrndup(at, strcspn(at, "; \n"));
		_cleanup_free_ char *near = index_nearest(&r->index, name);
		_cleanup_free_ char *where = xasprintf("%s (%s)", r->a->suite, r->sources.main);
		err_set(err, ERR_RESOLVE, "there is no package \"%s\" in %s", name, where);
		if (near)
			err_hint(err, "did you mean \"%s\"?", near);
		else
			hint_components(r, err);
	}
	return err_wrap(err, "tree %s", t->id);
}

static int resolve_tree(struct resolver *r, size_t number, struct err *err);

static int resolve_parent(struct resolver *r, const struct tree_spec *t, struct err *err)
{
	size_t p = tree_number(r->a, t->parent);

	if (p == r->a->trees.n)
		return err_set(err, ERR_CONFIG, "tree %s: its parent %s does not exist", t->id, t->parent);
	return resolve_tree(r, p, err);
}

/*
 * What apt is asked for, in the profile's order, on which its choices among alternatives depend. The shared base is a
 * Debian system: it has what every package may count on without naming it. So has what sources are compiled in.
 */
static int wanted_names(const struct resolver *r, const struct tree_spec *t, struct strvec *names, struct err *err)
{
	if (strcmp(t->id, "base") == 0 || str_starts(t->id, "build/")) {
		for (size_t i = 0; i < r->index.all.n; i++)
			if (r->index.all.v[i].essential)
				strvec_take(names, xstrndup(r->index.all.v[i].name.s, r->index.all.v[i].name.n));
		strvec_sort(names);
		strvec_uniq(names);
	}
	for (size_t i = 0; i < t->packages.n; i++) {
		if (check_name(t->packages.v[i], err) < 0)
			return -1;
		if (!strvec_has(names, t->packages.v[i]))
			strvec_add(names, t->packages.v[i]);
	}
	return 0;
}

static int resolve_tree(struct resolver *r, size_t number, struct err *err)
{
	const struct tree_spec *t = &r->a->trees.v[number];
	struct choice *c = &r->choices[number];
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, names = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (c->done)
		return 0;
	if (c->begun)
		return err_set(err, ERR_CONFIG, "tree %s: it is its own ancestor", t->id);
	c->begun = true;
	if (t->parent && resolve_parent(r, t, err) < 0)
		return -1;
	if (wanted_names(r, t, &names, err) < 0)
		return err_wrap(err, "tree %s", t->id);
	c->done = true;
	if (!names.n)
		return 0;
	strvec_addl(&argv, "apt-get", "install", "-q", "--print-uris", "--", NULL);
	strvec_add_all(&argv, (const char *const *)names.v);
	if (write_status(r, t->parent, err) < 0)
		return -1;
	if (apt_root_run(&r->root, &argv, &out, err) < 0)
		return explain(r, t, err);
	return out.len && take_uris(r, t, c, out.s, err) < 0 ? err_wrap(err, "tree %s", t->id) : 0;
}

static int resolve(struct resolver *r, struct cache *c, bool offline, struct lock *l, struct err *err)
{
	r->choices = xcalloc(r->a->trees.n + 1, sizeof *r->choices);
	if (open_index(r, c, offline, err) < 0)
		return -1;
	_cleanup_free_ char *what = xasprintf("%zu trees", r->a->trees.n);
	struct progress_step *step = progress_begin("lock", what, r->a->trees.n, PROGRESS_COUNT);
	int done = 0;
	for (size_t t = 0; done == 0 && t < r->a->trees.n; t++) {
		done = resolve_tree(r, t, err);
		progress_add(step, 1);
	}
	progress_end(step, done == 0);
	return done < 0 ? -1 : resolver_answer(r, l, err);
}

int lock_resolve(const struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	struct resolver r = {.a = a, .root.lock_fd = -1};
	_cleanup_lock_ struct lock l = {0};
	int done = resolve(&r, c, offline, &l, err);

	resolver_release(&r);
	if (done < 0 || lock_pin_images(a, c, offline, &l, err) < 0 || lock_pin_models(a, c, offline, &l, err) < 0)
		return -1;
	*ret = l;
	l = (struct lock){0};
	return 0;
}
