/* `mirrors:` of the profile, {PREFIX: PLACE} or {PREFIX: [PLACE, ...]}, and `registry_ca:`. */
#include "base/path.h"
#include "config/mirror.h"
#include "plan/planner.h"

static int add(
	struct planner *pl, struct mirrors *check, const char *prefix, const struct ynode *place, struct err *err)
{
	if (place->kind != Y_SCALAR || ynode_is_null(place))
		return bind_expected(place, "mirrors", "REGISTRY[/PATH] or a list of them", err);
	if (mirrors_add(check, pl->arena, prefix, place->text, err) < 0)
		return err_wrap(err, "%s:%u:%u: mirrors", place->file, place->line, place->column);
	pl->a->mirrors.v[pl->a->mirrors.n++] = (struct kv){.key = prefix, .value = place->text};
	return 0;
}

/* Beside the profile, or, unlike what goes into images, anywhere on this host. */
static int set_ca(struct planner *pl, struct err *err)
{
	const struct ynode *n = pl->profile->registry_ca;
	const char *shown;

	if (!n)
		return 0;
	if (n->text[0] != '/')
		return file_locate(pl->arena, n, "registry_ca", NULL, &pl->a->registry_ca, &shown, err);
	if (!path_exists(n->text))
		return ynode_err(n, err, "registry_ca: there is no %s", n->text);
	pl->a->registry_ca = n->text;
	return 0;
}

int plan_mirrors(struct planner *pl, struct err *err)
{
	const struct ynode *map = pl->profile->mirrors;
	struct mirrors check = {0};
	size_t n = 0;
	int r = 0;

	if (set_ca(pl, err) < 0)
		return -1;
	if (!map)
		return 0;
	if (map->kind != Y_MAP)
		return bind_expected(map, "mirrors", "a mapping of {REGISTRY[/PATH]: REGISTRY[/PATH]}", err);
	for (size_t i = 0; i < map->n; i++)
		n += map->pairs[i].value->kind == Y_LIST ? map->pairs[i].value->n : 1;
	pl->a->mirrors.v = arena_alloc(pl->arena, (n + 1) * sizeof *pl->a->mirrors.v);
	for (size_t i = 0; r == 0 && i < map->n; i++) {
		const struct ynode *v = map->pairs[i].value;
		const char *prefix = map->pairs[i].key->text;
		if (v->kind == Y_LIST)
			for (size_t k = 0; r == 0 && k < v->n; k++)
				r = add(pl, &check, prefix, v->items[k], err);
		else
			r = add(pl, &check, prefix, v, err);
	}
	mirrors_release(&check);
	return r;
}
