/* "gpu" of the machine file: how kiln-agent finds the GPUs, and which containers get them. */
#include "base/str.h"
#include "wire/parts.h"

static json_t *strings(const struct str_list *list)
{
	json_t *j = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(j, json_string(list->v[i]));
	return j;
}

json_t *wire_gpu(const struct appliance *a)
{
	const struct gpu_unit *u = a->gpu;
	json_t *mounts = json_array(), *containers = json_array();
	for (size_t i = 0; i < u->mounts.n; i++)
		json_array_append_new(
			mounts, json_pack("{s:s, s:s}", "from", u->mounts.v[i].key, "to", u->mounts.v[i].value));
	for (size_t i = 0; i < a->containers.n; i++)
		if (a->containers.v[i].gpus.n)
			json_array_append_new(containers, json_pack("{s:s, s:o}", "name", a->containers.v[i].name,
								  "devices", strings(&a->containers.v[i].gpus)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", u->name, "kind", u->kind, "vendor",
		u->vendor, "find", u->find, "classes", strings(&u->classes), "load", strings(&u->load), "nodes",
		strings(&u->nodes), "mounts", mounts, "containers", containers);
}
