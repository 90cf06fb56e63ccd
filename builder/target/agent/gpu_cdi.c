/*
 * The specification of the Container Device Interface (cncf-tags/container-device-interface, SPEC.md), as podman 5.4
 * takes it: version 0.5.0 at least, as names of devices begin with digits. No hooks: libraries are mounted by the names
 * under which programs look for them.
 */
#include "base/path.h"
#include "target/agent/gpu.h"

#define CDI_VERSION "0.5.0"

static void add_node(json_t *nodes, const char *path)
{
	for (size_t i = 0; i < json_array_size(nodes); i++)
		if (str_eq(json_string_value(json_object_get(json_array_get(nodes, i), "path")), path))
			return;
	json_array_append_new(nodes, json_pack("{s:s}", "path", path));
}

static void add_nodes(json_t *nodes, const struct gpu *g, const struct gpu_part *part)
{
	/* A part is reached by the GPU's own device and two that open it; not by the render nodes of the whole. */
	for (size_t i = 0; g->nodes[i] && !(part && i); i++)
		add_node(nodes, g->nodes[i]);
	for (size_t i = 0; part && i < ARRAY_SIZE(part->caps); i++) {
		_cleanup_free_ char *path = xasprintf("/dev/nvidia-caps/nvidia-cap%u", part->caps[i]);
		add_node(nodes, path);
	}
}

static void add_device(json_t *devices, const char *name, json_t *nodes)
{
	json_array_append_new(
		devices, json_pack("{s:s, s:{s:O}}", "name", name, "containerEdits", "deviceNodes", nodes));
}

/* By number, by address and by UUID: the number of a GPU may change when another one is added. */
static void add_whole(json_t *devices, const struct gpu *g, const char *number, json_t *all)
{
	json_t *nodes = json_array();
	add_nodes(nodes, g, NULL);
	add_nodes(all, g, NULL);
	add_device(devices, number, nodes);
	add_device(devices, g->address, nodes);
	if (g->uuid)
		add_device(devices, g->uuid, nodes);
	json_decref(nodes);
}

static void add_parts(json_t *devices, const struct gpu *g, const char *number, json_t *all)
{
	for (size_t i = 0; i < g->parts.n; i++) {
		_cleanup_free_ char *name = xasprintf("%s:%zu", number, i);
		json_t *nodes = json_array();
		add_nodes(nodes, g, &g->parts.v[i]);
		add_nodes(all, g, &g->parts.v[i]);
		add_device(devices, name, nodes);
		json_decref(nodes);
	}
}

static json_t *common_nodes(const struct gpus *g, const struct gpu_want *w)
{
	json_t *nodes = json_array();
	for (const char *const *n = w->nodes; *n; n++) {
		_cleanup_free_ char *path = xstrndup(*n, strlen(*n) - str_ends(*n, "?"));
		if (gpu_has(g->root, path))
			add_node(nodes, path);
	}
	return nodes;
}

/* Every file under its own name in the directory; the first of a name counts. */
static void add_mounts(json_t *mounts, const struct gpus *g, const char *from, const char *to)
{
	_cleanup_free_ char *pattern = xstrndup(from, strlen(from) - str_ends(from, "?"));
	_cleanup_strvec_ struct strvec files = STRVEC_INIT;
	gpu_match(g->root, pattern, &files);
	for (size_t i = 0; i < files.n; i++) {
		_cleanup_free_ char *path = path_join(to, path_base(files.v[i]));
		bool taken = false;
		for (size_t k = 0; k < json_array_size(mounts); k++)
			taken |= str_eq(
				json_string_value(json_object_get(json_array_get(mounts, k), "containerPath")), path);
		if (!taken)
			json_array_append_new(mounts,
				json_pack("{s:s, s:s, s:[s, s, s, s, s]}", "hostPath", files.v[i], "containerPath",
					path, "options", "ro", "nosuid", "nodev", "rbind", "rprivate"));
	}
}

static json_t *common_edits(const struct gpus *g, const struct gpu_want *w)
{
	json_t *edits = json_object(), *nodes = common_nodes(g, w), *mounts = json_array();
	for (size_t i = 0; i < json_array_size(w->mounts); i++) {
		const json_t *m = json_array_get(w->mounts, i);
		const char *from = json_string_value(json_object_get(m, "from")),
			   *to = json_string_value(json_object_get(m, "to"));
		if (from && to)
			add_mounts(mounts, g, from, to);
	}
	/* Empty lists are as good as none, and an empty mapping is refused. */
	if (json_array_size(nodes))
		json_object_set(edits, "deviceNodes", nodes);
	if (json_array_size(mounts))
		json_object_set(edits, "mounts", mounts);
	json_decref(nodes);
	json_decref(mounts);
	return edits;
}

json_t *gpu_cdi(const struct gpus *g, const struct gpu_want *w)
{
	const struct gpu *gpu;
	if (!gpus_usable(g, 0))
		return NULL;
	json_t *devices = json_array(), *all = json_array(), *edits = common_edits(g, w);
	for (size_t n = 0; (gpu = gpus_usable(g, n)); n++) {
		_cleanup_free_ char *number = xasprintf("%zu", n);
		if (gpu->parts.n)
			add_parts(devices, gpu, number, all);
		else
			add_whole(devices, gpu, number, all);
	}
	add_device(devices, "all", all);
	json_decref(all);
	json_t *spec = json_pack("{s:s, s:s, s:o}", "cdiVersion", CDI_VERSION, "kind", w->kind, "devices", devices);
	if (json_object_size(edits))
		json_object_set(spec, "containerEdits", edits);
	json_decref(edits);
	return spec;
}

bool gpu_cdi_has(const json_t *cdi, const char *device)
{
	const json_t *devices = json_object_get(cdi, "devices");
	for (size_t i = 0; i < json_array_size(devices); i++)
		if (str_eq(json_string_value(json_object_get(json_array_get(devices, i), "name")), device))
			return true;
	return false;
}
