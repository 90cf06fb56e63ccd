/* What the image wants of this machine's GPUs. */
#include "base/json.h"
#include "target/agent/gpu.h"

static const char *const *list(struct gpu_want *w, const json_t *o, const char *key)
{
	const json_t *j = json_object_get(o, key);
	size_t n = 0;
	const char **v = arena_alloc(&w->arena, (json_array_size(j) + 1) * sizeof *v);
	for (size_t i = 0; i < json_array_size(j); i++)
		if (json_is_string(json_array_get(j, i)))
			v[n++] = json_string_value(json_array_get(j, i));
	return v;
}

int gpu_want_read(const json_t *machine, struct gpu_want *w, bool *ret, struct err *err)
{
	const json_t *o = json_object_get(machine, "gpu");
	*ret = json_is_object(o);
	if (!*ret)
		return 0;
	w->name = json_need_str(o, "name", err);
	w->kind = w->name ? json_need_str(o, "kind", err) : NULL;
	w->vendor = w->kind ? json_need_str(o, "vendor", err) : NULL;
	if (!w->vendor)
		return err_wrap(err, "gpu");
	const char *find = json_string_value(json_object_get(o, "find"));
	if (!str_eq(find, "nvidia") && !str_eq(find, "render"))
		return err_set(err, ERR_CONFIG, "gpu: find: \"%s\" is not known", find ? find : "");
	w->nvidia = str_eq(find, "nvidia");
	w->classes = list(w, o, "classes");
	w->load = list(w, o, "load");
	w->nodes = list(w, o, "nodes");
	w->mounts = json_object_get(o, "mounts");
	w->containers = json_object_get(o, "containers");
	return 0;
}
