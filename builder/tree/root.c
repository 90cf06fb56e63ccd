/* The OS root as squashfs: the merged tree, what the build puts over it, and paths that are said one by one. */
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "tree/squash.h"
#include <string.h>

struct extra {
	const struct squash_extra *x;
	char *path; /* without leading and trailing slashes */
};
struct root_job {
	const struct root_spec *spec;
	uint64_t epoch;
	struct tar_out *t;
	VEC(struct extra) extras; /* by path */
	struct strvec dirs;	  /* directories above extras that are in the archive */
	const char *replaced;	  /* the directory that an extra took the place of; what is below it is left out */
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct extra *)a)->path, ((const struct extra *)b)->path);
}

/* Relative, without "." and "..": what is said here was not read from outside, so anything else is a mistake to show.
 */
static char *clean_path(const char *path, struct err *err)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;
	str_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++)
		if (!strcmp(parts.v[i], ".") || !strcmp(parts.v[i], "..")) {
			err_set(err, ERR_CONFIG, "path %s may not contain . or ..", path);
			return NULL;
		}
	return strvec_join(&parts, "/");
}

static int collect_extras(struct root_job *j, struct err *err)
{
	for (size_t i = 0; i < j->spec->n_extras; i++) {
		char *path = clean_path(j->spec->extras[i].path, err);
		if (!path)
			return -1;
		vec_push(&j->extras, (struct extra){&j->spec->extras[i], path});
	}
	if (j->extras.n)
		qsort(j->extras.v, j->extras.n, sizeof *j->extras.v, by_path);
	for (size_t i = 1; i < j->extras.n; i++)
		if (!strcmp(j->extras.v[i - 1].path, j->extras.v[i].path))
			return err_set(err, ERR_CONFIG, "path %s is given twice", j->extras.v[i].path);
	return 0;
}

static const struct extra *find_extra(const struct root_job *j, const char *path)
{
	struct extra key = {.path = (char *)path};
	return j->extras.n ? bsearch(&key, j->extras.v, j->extras.n, sizeof key, by_path) : NULL;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return !strncmp(path, dir, n) && path[n] == '/';
}

static int put_extra(struct root_job *j, const struct extra *e, struct err *err)
{
	const struct squash_extra *x = e->x;
	_cleanup_free_ char *name = xasprintf("%s%s", e->path, x->type == '5' ? "/" : "");
	struct tar_member m = {
		.name = name,
		.type = x->type,
		.mode = x->type == '2' ? 0777 : x->mode,
		.uid = x->uid,
		.gid = x->gid,
		.mtime = j->epoch,
		.link = x->target,
		.size = x->type == '0' && x->data ? strlen(x->data) : 0,
		.major = x->major,
		.minor = x->minor,
	};
	return tar_add(j->t, &m, x->data, err);
}

/* Remember the directories that extras will need. */
static void note_dir(struct root_job *j, const char *path)
{
	for (size_t i = 0; i < j->extras.n; i++)
		if (is_below(j->extras.v[i].path, path)) {
			strvec_add(&j->dirs, path);
			return;
		}
}

static int put_node(const struct node *n, void *arg, struct err *err)
{
	struct root_job *j = arg;
	if (j->replaced && is_below(n->path, j->replaced))
		return 0;
	const struct extra *e = find_extra(j, n->path);
	if (n->kind == NODE_DIR && (!e || e->x->type == '5'))
		note_dir(j, n->path);
	if (n->hardlink && (find_extra(j, n->hardlink) || (j->replaced && is_below(n->hardlink, j->replaced))))
		return err_set(err, ERR_CONFIG, "%s: is a hard link to %s, which is replaced", n->path, n->hardlink);
	if (!e)
		return tar_node(j->t, "", n, TAR_OVERLAY, err);
	if (n->kind != NODE_DIR || e->x->type != '5') { /* written afterwards, with the other new paths */
		j->replaced = n->kind == NODE_DIR ? e->path : j->replaced;
		return 0;
	}
	struct node changed = *n;
	changed.mode = e->x->mode;
	changed.uid = e->x->uid;
	changed.gid = e->x->gid;
	strvec_add(&j->dirs, n->path);
	return tar_node(j->t, "", &changed, TAR_OVERLAY, err);
}

/* Parents that neither the tree nor an extra has are root's, 0755. */
static int put_parents(struct root_job *j, const char *path, struct err *err)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *dir = xstrndup(path, (size_t)(slash - path));
		if (strvec_has(&j->dirs, dir) || find_extra(j, dir))
			continue;
		strvec_add(&j->dirs, dir);
		_cleanup_free_ char *name = xasprintf("%s/", dir);
		if (tar_dir(j->t, name, 0755, j->epoch, err))
			return -1;
	}
	return 0;
}

static int put_extras(struct root_job *j, struct err *err)
{
	for (size_t i = 0; i < j->extras.n; i++) {
		const struct extra *e = &j->extras.v[i];
		if (e->x->type == '5' && strvec_has(&j->dirs, e->path))
			continue;
		if (put_parents(j, e->path, err) || put_extra(j, e, err))
			return -1;
	}
	return 0;
}

static int write_root(struct root_job *j, struct err *err)
{
	VEC(const char *) stack = {0};
	for (const char *const *d = j->spec->overlays; d && *d; d++)
		vec_push(&stack, *d);
	size_t plain = stack.n;
	for (const char *const *d = j->spec->layers; *d; d++)
		vec_push(&stack, *d);
	vec_push(&stack, NULL);
	struct walk_opts w = {.layers = stack.v, .plain = plain, .epoch = j->epoch};
	int r = walk_stack(&w, put_node, j, err);
	if (!r)
		r = put_extras(j, err);
	vec_release(&stack);
	return r;
}

int root_write(const struct root_spec *root, struct tar_out *t, uint64_t epoch, struct err *err)
{
	struct root_job j = {.spec = root, .epoch = epoch, .t = t};
	int r = collect_extras(&j, err);
	if (!r)
		r = write_root(&j, err);
	for (size_t i = 0; i < j.extras.n; i++)
		free(j.extras.v[i].path);
	vec_release(&j.extras);
	strvec_release(&j.dirs);
	return r;
}

struct writing {
	const struct root_spec *root;
	uint64_t epoch;
};

static int write_stream(struct tar_out *t, void *arg, struct err *err)
{
	struct writing *w = arg;
	return root_write(w->root, t, w->epoch, err);
}

int root_squash(const struct squash_opts *opts, const struct root_spec *root, struct squash_stat *ret, struct err *err)
{
	struct writing w = {.root = root, .epoch = opts->epoch};
	return squash_build(opts, write_stream, &w, ret, err);
}
