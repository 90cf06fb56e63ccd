/* `build:` of firmware sets: modules made for the image's kernel; and `keys: {modules: FILE}`, which signs them. */
#include "base/path.h"
#include "config/modkey.h"
#include "plan/planner.h"

enum { KEY_MAX = 1 << 20 };

/* "${arch}" is put in; the others are known when the tree is there: they stay. */
static int build_text(struct planner *pl, const struct ynode *n, const char *what, const char **ret, struct err *err)
{
	static const char *const later[] = {"${jobs}", "${kernel}", "${source}"};
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (const char *p = n->text; *p;) {
		size_t k = 0;
		while (k < ARRAY_SIZE(later) && !str_starts(p, later[k]))
			k++;
		if (str_starts(p, "${arch}")) {
			strbuf_adds(&b, pl->profile->arch);
			p += strlen("${arch}");
		} else if (k < ARRAY_SIZE(later)) {
			strbuf_adds(&b, later[k]);
			p += strlen(later[k]);
		} else if (str_starts(p, "${")) {
			ynode_err(n, err, "%s: '%s' is not known where modules are built", what, n->text);
			return err_hint(err, "there is: ${arch}, ${jobs}, ${kernel}, ${source}");
		} else {
			strbuf_addc(&b, *p++);
		}
	}
	*ret = arena_strdup(pl->arena, strbuf_cstr(&b));
	return 0;
}

static int add_command(struct planner *pl, const struct ynode *n, struct str_list *out, struct err *err)
{
	const char *text;

	if (n->kind != Y_LIST || !n->n)
		return bind_expected(n, "commands", "a list of a program and its arguments", err);
	for (size_t i = 0; i < n->n; i++) {
		if (n->items[i]->kind != Y_SCALAR || ynode_is_null(n->items[i]))
			return bind_expected(n->items[i], "commands", "a text", err);
		if (build_text(pl, n->items[i], "commands", &text, err) < 0)
			return -1;
		list_add(pl->arena, out, text);
	}
	return 0;
}

static int add_commands(struct planner *pl, const struct ynode *n, struct module_build *b, struct err *err)
{
	if (n->kind != Y_LIST || !n->n)
		return bind_expected(n, "commands", "a list of commands such as [[make, \"-j${jobs}\"]]", err);
	b->commands.v = arena_alloc(pl->arena, n->n * sizeof *b->commands.v);
	for (size_t i = 0; i < n->n; i++, b->commands.n++)
		if (add_command(pl, n->items[i], &b->commands.v[i], err) < 0)
			return -1;
	return 0;
}

/* Inside of a directory: no way out of it, and no pattern. */
static bool is_inside(const char *path)
{
	return path[0] && path[0] != '/' && strcmp(path, "..") != 0 && !str_starts(path, "../") &&
	       !strstr(path, "/../") && !strpbrk(path, "*?[");
}

/* Names of modules are the kernel's: each once in the whole image. */
static int add_modules(struct planner *pl, const struct ylist *in, struct module_build *b, struct err *err)
{
	for (size_t i = 0; i < in->n; i++) {
		const char *text;
		if (build_text(pl, in->v[i], "modules", &text, err) < 0)
			return -1;
		if (!str_ends(text, ".ko") || !is_inside(text))
			return bind_expected(in->v[i], "modules", "a file of the source that ends in .ko", err);
		for (size_t k = 0; k <= pl->a->builds.n; k++) {
			const struct module_build *other = &pl->a->builds.v[k]; /* b is the last one */
			for (size_t m = 0; m < other->modules.n; m++)
				if (str_eq(path_base(other->modules.v[m]), path_base(text)))
					return ynode_err(in->v[i], err, "modules: %s is built by '%s' already",
						path_base(text), other->set);
		}
		list_add(pl->arena, &b->modules, text);
	}
	return 0;
}

static int add_patches(struct planner *pl, const struct ylist *in, struct module_build *b, struct err *err)
{
	b->patches.v = arena_alloc(pl->arena, (in->n + 1) * sizeof *b->patches.v);
	for (; b->patches.n < in->n; b->patches.n++) {
		struct file_spec *f = &b->patches.v[b->patches.n];
		*f = (struct file_spec){.path = in->v[b->patches.n]->text};
		const char *shown;
		if (file_locate(pl->arena, in->v[b->patches.n], "patches", NULL, &f->source, &shown, err) < 0)
			return -1;
	}
	return 0;
}

static int add_build(struct planner *pl, const struct firmware_def *d, struct err *err)
{
	const struct build_def *def = d->build;
	struct module_build *b = &pl->a->builds.v[pl->a->builds.n];

	*b = (struct module_build){.set = d->name};
	if (!def->modules.n)
		return bind_expected(ynode_get(def->self, "modules"), "modules", "files such as [NAME.ko]", err);
	if (!def->packages.n)
		return bind_expected(ynode_get(def->self, "packages"), "packages", "packages with the sources", err);
	if (build_text(pl, def->source, "source", &b->source, err) < 0)
		return -1;
	if (b->source[0] != '/')
		return bind_expected(def->source, "source", "a directory such as /usr/src/NAME-*", err);
	if (add_commands(pl, def->commands, b, err) < 0 || add_modules(pl, &def->modules, b, err) < 0 ||
		add_patches(pl, &def->patches, b, err) < 0)
		return -1;
	pl->a->builds.n++;
	return 0;
}

/* Beside the profile or, as it is a secret, anywhere else on this host. */
static int set_key(struct planner *pl, struct err *err)
{
	const struct ynode *n = pl->profile->keys.modules;
	_cleanup_err_ struct err why = ERR_INIT;
	const char *shown;

	if (!n)
		return 0;
	pl->a->module_key = n->text;
	if (n->text[0] != '/' && file_locate(pl->arena, n, "modules", NULL, &pl->a->module_key, &shown, err) < 0)
		return -1;
	_cleanup_free_ char *pem = path_read(pl->a->module_key, KEY_MAX, NULL, &why);
	int r = pem ? modkey_check(pem, &why) : -1;
	if (pem)
		explicit_bzero(pem, strlen(pem));
	if (r == 0)
		return 0;
	if (pem)
		ynode_err(n, err, "modules: %s: %s", n->text, why.msg);
	else
		ynode_err(n, err, "modules: %s", why.msg);
	return err_hint(err, "one file with a private key and its certificate, which sign the modules");
}

int plan_modules(struct planner *pl, struct err *err)
{
	pl->a->builds.v = arena_alloc(pl->arena, (pl->n_firmware + 1) * sizeof *pl->a->builds.v);
	for (size_t i = 0; i < pl->n_firmware; i++)
		if (pl->firmware[i]->build && add_build(pl, pl->firmware[i], err) < 0)
			return -1;
	return set_key(pl, err);
}
