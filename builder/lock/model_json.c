/* The lock's models as JSON. */
#include "base/json.h"
#include "base/str.h"
#include "config/modelname.h"
#include "lock/lock_part.h"
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lock_model *)a)->name, ((const struct lock_model *)b)->name);
}

/* Names become paths in the store. */
static bool is_model_name(struct arena *arena, const char *s)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct reference r;

	return model_name_parse(arena, s, &r, &ignored) == 0 && strcmp(model_name_whole(arena, &r), s) == 0;
}

static int read_model(const char *name, const json_t *j, struct lock_model *m, struct lock *l, struct err *err)
{
	static const char *const own[] = {"source", NULL};
	const char *source;

	if (!is_model_name(&l->arena, name))
		return err_set(err, ERR_VERIFY, "not the whole name of a model");
	m->name = arena_strdup(&l->arena, name);
	if (model_pin_read(j, own, &l->arena, &m->pin, err) < 0 || !(source = json_need_str(j, "source", err)))
		return -1;
	if (!lock_is_line(source))
		return err_set(err, ERR_VERIFY, "source: expected where a model comes from, found \"%s\"", source);
	m->source = arena_strdup(&l->arena, source);
	return 0;
}

int lock_read_models(const json_t *root, struct lock *l, struct err *err)
{
	json_t *all = json_object_get(root, "models") ? json_need_object(root, "models", err) : NULL, *j;
	const char *name;

	if (!all)
		return json_object_get(root, "models") ? -1 : 0;
	l->models.v = xcalloc(json_object_size(all) + 1, sizeof *l->models.v);
	json_object_foreach(all, name, j)
	{
		if (read_model(name, j, &l->models.v[l->models.n++], l, err) < 0)
			return err_wrap(err, "models: \"%s\"", name);
	}
	qsort(l->models.v, l->models.n, sizeof *l->models.v, by_name);
	return 0;
}

json_t *lock_models_json(const struct lock *l)
{
	json_t *models = l->models.n ? json_object() : NULL;

	for (size_t i = 0; i < l->models.n; i++) {
		json_t *m = model_pin_json(&l->models.v[i].pin);
		json_object_set_new(m, "source", json_string(l->models.v[i].source));
		json_object_set_new(models, l->models.v[i].name, m);
	}
	return models;
}
