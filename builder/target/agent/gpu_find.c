/* GPUs on the PCI bus, the drivers that took them, and their render nodes. */
#include "target/agent/gpu.h"
#include <ctype.h>
#include <unistd.h>

#define PCI "/sys/bus/pci/devices"

/* DOMAIN:BUS:DEVICE.FUNCTION, in lower case. */
static bool is_address(const char *s)
{
	static const char *const digits = "0123456789abcdef";
	size_t n = strspn(s, digits);
	return n >= 4 && n <= 8 && s[n] == ':' && strspn(s + n + 1, digits) == 2 && s[n + 3] == ':' &&
	       strspn(s + n + 4, digits) == 2 && s[n + 6] == '.' && s[n + 7] >= '0' && s[n + 7] <= '7' && !s[n + 8];
}

/* A number of sysfs without its "0x": "10de". */
static char *hex_of(int root, const char *address, const char *name)
{
	_cleanup_free_ char *path = xasprintf(PCI "/%s/%s", address, name);
	_cleanup_free_ char *text = gpu_read(root, path);
	if (!text || !str_starts(text, "0x"))
		return xstrdup("");
	text[strcspn(text, " \r\n")] = 0;
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return xstrdup(text + 2);
}

static bool is_wanted(int root, const struct gpu_want *w, const char *address)
{
	_cleanup_free_ char *vendor = hex_of(root, address, "vendor"), *class = hex_of(root, address, "class");
	if (!is_address(address) || !str_eq(vendor, w->vendor))
		return false;
	for (const char *const *c = w->classes; *c; c++)
		if (str_starts(class, *c))
			return true;
	return false;
}

bool gpus_present(const struct gpus *g, const struct gpu_want *w)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	gpu_names(g->root, PCI, &names);
	for (size_t i = 0; i < names.n; i++)
		if (is_wanted(g->root, w, names.v[i]))
			return true;
	return false;
}

/* A name of the product, where the driver knows one; else vendor and device as numbers. */
static const char *model_of(struct gpus *g, const char *address)
{
	_cleanup_free_ char *path = xasprintf(PCI "/%s/product_name", address);
	_cleanup_free_ char *text = gpu_read(g->root, path), *line = text ? xasprintf("n: %s", text) : NULL;
	const char *name = line ? gpu_field(g, line, "n") : NULL;
	if (name && *name)
		return name;
	_cleanup_free_ char *vendor = hex_of(g->root, address, "vendor"), *device = hex_of(g->root, address, "device");
	return arena_printf(&g->arena, "%s:%s", vendor, device);
}

/* "card0" and "renderD128": prefix and digits. */
static bool is_node(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);
	return str_starts(name, prefix) && name[n] && !name[n + strspn(name + n, "0123456789")] && strlen(name) < 20;
}

/* A card without outputs may have a render node alone. */
static void add_render_nodes(struct gpus *g, struct gpu *gpu)
{
	static const char *const prefixes[] = {"card", "renderD"};
	_cleanup_free_ char *path = xasprintf(PCI "/%s/drm", gpu->address);
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	size_t n = 0;
	gpu_names(g->root, path, &names);
	for (size_t k = 0; k < ARRAY_SIZE(prefixes); k++)
		for (size_t i = 0; i < names.n; i++)
			if (is_node(names.v[i], prefixes[k])) {
				gpu->nodes[n++] = arena_printf(&g->arena, "/dev/dri/%s", names.v[i]);
				break;
			}
}

static void judge_render(struct gpus *g, struct gpu *gpu)
{
	const char *render = NULL;
	for (size_t i = 0; gpu->nodes[i]; i++)
		if (str_starts(gpu->nodes[i], "/dev/dri/renderD"))
			render = gpu->nodes[i];
	if (!gpu->driver)
		gpu->why = "no driver took it";
	else if (!render)
		gpu->why = arena_printf(&g->arena, "its driver %s gives it no render node", gpu->driver);
	for (size_t i = 0; gpu->nodes[i] && !gpu->why; i++)
		if (!gpu_has(g->root, gpu->nodes[i]))
			gpu->why = arena_printf(&g->arena, "%s is not there", gpu->nodes[i]);
}

const struct gpu *gpus_usable(const struct gpus *g, size_t n)
{
	if (g->problem)
		return NULL;
	for (size_t i = 0; i < g->v.n; i++)
		if (!g->v.v[i].why && !n--)
			return &g->v.v[i];
	return NULL;
}

/* What all of them need: devices beside their own, and libraries. */
static void judge_all(struct gpus *g, const struct gpu_want *w)
{
	for (const char *const *n = w->nodes; *n && !g->problem; n++)
		if (!str_ends(*n, "?") && !gpu_has(g->root, *n))
			g->problem = arena_printf(&g->arena, "%s is not there", *n);
	for (size_t i = 0; i < json_array_size(w->mounts) && !g->problem; i++) {
		const char *from = json_string_value(json_object_get(json_array_get(w->mounts, i), "from"));
		_cleanup_strvec_ struct strvec files = STRVEC_INIT;
		if (from && !str_ends(from, "?"))
			gpu_match(g->root, from, &files);
		if (from && !str_ends(from, "?") && !files.n)
			g->problem = arena_printf(&g->arena, "the image has no %s", from);
	}
}

void gpus_find(struct gpus *g, const struct gpu_want *w)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	gpu_names(g->root, PCI, &names);
	for (size_t i = 0; i < names.n && g->v.n < GPU_MAX; i++) {
		if (!is_wanted(g->root, w, names.v[i]))
			continue;
		_cleanup_free_ char *driver = xasprintf(PCI "/%s/driver", names.v[i]);
		struct gpu gpu = {.address = arena_strdup(&g->arena, names.v[i])};
		gpu.driver = gpu_link(g, driver);
		gpu.model = model_of(g, names.v[i]);
		add_render_nodes(g, &gpu);
		if (!w->nvidia)
			judge_render(g, &gpu);
		vec_push(&g->v, gpu);
	}
	if (w->nvidia) {
		gpu_nvidia(g);
		gpu_make_devices(g);
	}
	if (gpus_usable(g, 0))
		judge_all(g, w);
}

void gpus_release(struct gpus *g)
{
	for (size_t i = 0; i < g->v.n; i++)
		vec_release(&g->v.v[i].parts);
	vec_release(&g->v);
	vec_release(&g->devices);
	arena_release(&g->arena);
	if (g->root >= 0)
		close(g->root);
}
