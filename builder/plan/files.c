/* Files of trees and containers: copied, or rendered from a template or a text. */
#include "base/path.h"
#include "plan/rt.h"
#include "plan/template.h"
#include <errno.h>
#include <sys/stat.h>

#define MAX_TEMPLATE ((size_t)4 << 20)

int file_locate(struct arena *arena, const struct ynode *from, const char *what, const char *dir, const char **ret_path,
	const char **ret_shown, struct err *err)
{
	const char *rel = from->text;
	_cleanup_free_ char *shown_dir = path_dir(from->file);
	if (rel[0] == '/' || !strcmp(rel, "..") || str_starts(rel, "../") || strstr(rel, "/../") ||
		str_ends(rel, "/.."))
		return ynode_err(from, err, "%s: expected a path inside the directory, found '%s'", what, rel);
	const char *shown = strcmp(shown_dir, ".") ? arena_printf(arena, "%s/%s", shown_dir, rel) : rel;
	_cleanup_free_ char *own = dir ? NULL : realpath(shown_dir, NULL);
	if (!dir && !own)
		return err_sys(err, errno, "%s", shown_dir);
	const char *path = arena_printf(arena, "%s/%s", dir ? dir : own, rel);
	struct stat st;
	if (stat(path, &st) < 0)
		return ynode_err(from, err, "%s: there is no file '%s'", what, shown);
	if (!S_ISREG(st.st_mode))
		return ynode_err(from, err, "%s: '%s' is no regular file", what, shown);
	*ret_path = path;
	*ret_shown = shown;
	return 0;
}

/* Read and render (or take as it is) a file of the service. */
static int read_text(const struct scope *s, const char *path, const char *shown, const char *target, bool secret_ok,
	struct value *ret, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = path_read(path, MAX_TEMPLATE, &len, err);
	if (!text)
		return -1;
	if (strlen(text) != len)
		return err_set(err, ERR_CONFIG, "%s: a NUL byte in a text", shown);
	if (!str_ends(shown, ".in")) {
		*ret = (struct value){.kind = V_TEXT, .text = rtext_escape(s->pl->arena, text)};
		return 0;
	}
	struct rendered map = {0};
	int r = render_template(s, text, shown, secret_ok, &map, ret, err);
	if (r == 0) {
		_cleanup_free_ char *plain = xstrndup(shown, strlen(shown) - 3);
		r = rendered_check(target ? target : plain, shown, ret->text, &map, err);
	}
	vec_release(&map);
	return r;
}

int render_text_file(const struct scope *s, const struct ynode *n, const char *what, struct value *ret, struct err *err)
{
	const char *path, *shown;
	if (file_locate(s->pl->arena, n, what, s->svc ? s->svc->def->dir : NULL, &path, &shown, err) < 0)
		return -1;
	return read_text(s, path, shown, NULL, true, ret, err);
}

int render_file(const struct scope *s, const struct file_def *def, const char *dir, bool in_tree, struct file_spec *out,
	struct err *err)
{
	const char *path = NULL, *shown = NULL;
	struct value v = {0};
	*out = (struct file_spec){.path = def->path, .owner = def->owner, .group = def->group, .mode = def->mode};
	out->secret = def->secret;
	if (def->from && file_locate(s->pl->arena, def->from, "from", dir, &path, &shown, err) < 0)
		return -1;
	if (path && !str_ends(path, ".in")) {
		out->source = path;
		return 0;
	}
	struct place at = place_of(def->from ? def->from : def->text, def->path);
	if (path ? read_text(s, path, shown, def->path, def->secret, &v, err) < 0
		 : eval_text(s, &at, def->text->text, &v, err) < 0)
		return -1;
	if (v.secret && !def->secret)
		return leak_err(&at, &v, err);
	out->runtime = rtext_has_reference(v.text);
	/* What the machine writes it reads as runtime text. */
	out->text = out->runtime || (out->secret && !in_tree) ? v.text : rtext_literal(s->pl->arena, v.text);
	if (out->runtime && in_tree)
		return place_err(&at, err, "holds what only the machine knows; a tree is made at build time");
	return 0;
}

/* What `each` names: a list of texts. One round for a file without. */
static int rounds(const struct scope *s, const struct file_def *def, struct value *ret, struct err *err)
{
	struct place at = place_of(def->each ? def->each : def->self, "each");
	*ret = (struct value){.n = 1};
	if (!def->each)
		return 0;
	if (eval_ref(s, &at, def->each->text, ret, err) < 0)
		return -1;
	return ret->kind == V_LIST ? 0 : ynode_err(def->each, err, "each: '%s' is no list of texts", def->each->text);
}

/* The path of the file for one item: each has its own. */
static int path_for(const struct scope *s, const struct file_def *def, const struct file_spec *others, size_t n,
	const char **ret, struct err *err)
{
	struct place at = place_of(def->self, def->path);
	struct value v;
	if (eval_text(s, &at, def->path, &v, err) < 0)
		return -1;
	if (v.secret || rtext_has_reference(v.text))
		return place_err(&at, err, "a path must be known at build time");
	*ret = rtext_literal(s->pl->arena, v.text);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(others[i].path, *ret))
			return place_err(&at, err, "two files would be '%s': with `each` the path needs ${each}", *ret);
	return 0;
}

int render_files(const struct scope *s, const file_defs *defs, const char *dir, bool in_tree, struct file_list *out,
	struct err *err)
{
	struct value *lists = arena_alloc(s->pl->arena, (defs->n + 1) * sizeof *lists);
	size_t all = 0;
	for (size_t i = 0; i < defs->n; all += lists[i++].n)
		if (rounds(s, &defs->v[i], &lists[i], err) < 0)
			return -1;
	out->n = 0;
	out->v = arena_alloc(s->pl->arena, (all + 1) * sizeof *out->v);
	for (size_t i = 0; i < defs->n; i++)
		for (size_t k = 0; k < lists[i].n; k++) {
			struct file_def one = defs->v[i];
			struct loopvar var = {.name = "each", .outer = s->vars};
			struct scope inner = *s;
			if (one.each) {
				var.value = (struct value){.kind = V_TEXT, .text = lists[i].list[k]};
				inner.vars = &var;
				if (path_for(&inner, &one, out->v, out->n, &one.path, err) < 0)
					return -1;
			}
			if (render_file(&inner, &one, dir, in_tree, &out->v[out->n++], err) < 0)
				return -1;
		}
	return 0;
}
