#include "config/variant.h"
#include "base/path.h"
#include "base/str.h"
#include "config/bind.h"
#include "config/merge.h"
#include <dirent.h>

struct variant_file {
	const char *name, *summary;
	const struct ynode *containers;
};
/* What others see of the service (offers, claims, secrets, ports) is not here: a variant stands in for it as it is. */
static const struct field fields[] = {
	FIELD_AS("variant", struct variant_file, name, IDENT, .required = true),
	FIELD(struct variant_file, summary, STR),
	FIELD(struct variant_file, containers, NODE, .required = true),
	FIELD_END,
};

static int unknown(const struct ynode *root, const char *dir, const struct ynode *name, struct err *err)
{
	_cleanup_strvec_ struct strvec there = STRVEC_INIT;
	DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));) {
		size_t n = strlen(e->d_name);
		if (!str_ends(e->d_name, ".yaml") || !strcmp(e->d_name, "service.yaml"))
			continue;
		struct arena scrap = {0};
		struct err ignored = ERR_INIT;
		_cleanup_free_ char *path = path_join(dir, e->d_name);
		if (ynode_get(yaml_load(&scrap, path, path, &ignored), "variant"))
			strvec_take(&there, xstrndup(e->d_name, n - 5));
		err_release(&ignored);
		arena_release(&scrap);
	}
	if (d)
		closedir(d);
	strvec_sort(&there);
	ynode_err(name, err, "variants: %s has no variant '%s'", ynode_get(root, "service")->text, name->text);
	return there.n ? bind_hint(err, name->text, (const char *const *)there.v) : -1;
}

static int check(const struct ynode *root, const struct ynode *over, const struct ynode *name, struct err *err)
{
	const struct ynode *below = ynode_get(root, "containers"), *above = ynode_get(over, "containers");
	const char *service = ynode_get(root, "service")->text;

	if (strcmp(ynode_get(over, "variant")->text, name->text) != 0)
		return ynode_err(ynode_get(over, "variant"), err,
			"variant: expected '%s' as its file is called, found '%s'", name->text,
			ynode_get(over, "variant")->text);
	if (above->kind != Y_MAP)
		return bind_expected(above, "containers", "a mapping", err);
	for (size_t i = 0; i < above->n; i++)
		if (!ynode_get(below, above->pairs[i].key->text))
			return ynode_err(above->pairs[i].key, err, "containers: %s has no container '%s'", service,
				above->pairs[i].key->text);
	return 0;
}

const struct ynode *variant_of(
	struct arena *arena, const struct ynode *root, const char *path, const struct ynode *name, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path), *shown = path_dir(root->file);
	const char *file = arena_printf(arena, "%s.yaml", name->text);
	const char *at = arena_printf(arena, "%s/%s", dir, file);
	struct variant_file f = {0};

	if (!bind_is_ident(name->text) || !strcmp(name->text, "service") || !path_exists(at))
		return unknown(root, dir, name, err), NULL;
	const struct ynode *over = yaml_load(arena, at, arena_printf(arena, "%s/%s", shown, file), err);
	if (!over || bind_map(arena, over, fields, &f, err) < 0 || check(root, over, name, err) < 0)
		return NULL;
	/* Its name is no key of a service. */
	struct ynode *rest = ARENA_NEW(arena, struct ynode);
	*rest = *over;
	rest->n = 0;
	rest->pairs = arena_alloc(arena, (over->n + 1) * sizeof *rest->pairs);
	for (size_t i = 0; i < over->n; i++)
		if (strcmp(over->pairs[i].key->text, "variant") != 0)
			rest->pairs[rest->n++] = over->pairs[i];
	return ynode_merge(arena, root, rest, NULL);
}
