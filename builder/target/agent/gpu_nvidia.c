/*
 * What NVIDIA's driver says in /proc: which GPUs it has, their numbers, the instances of those that are partitioned
 * (MIG), and the devices that it leaves to user space (NVIDIA's README, "nvidia-modprobe"; devices are not udev's).
 */
#include "target/agent/gpu.h"

#define PROC "/proc/driver/nvidia"
/* Minors under the driver's own major: a GPU has its own, from 0. */
enum { MINOR_CTL = 255, MINOR_MODESET = 254, MINOR_GPU_MAX = 253, CAP_MAX = 1 << 20, MODE_DEFAULT = 0666 };

/* "550.163.01" in "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  Release Build ..." */
static const char *version_in(struct gpus *g, const char *text)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_free_ char *line = xstrndup(text, strcspn(text, "\n"));
	str_split(&words, line, " \t");
	for (size_t i = 0; i < words.n; i++)
		if (strchr(words.v[i], '.') && !words.v[i][strspn(words.v[i], "0123456789.")])
			return arena_strdup(&g->arena, words.v[i]);
	return NULL;
}

/* The major number of a name in /proc/devices: "195 nvidia". 0: not there. */
static unsigned major_of(const char *devices, const char *name)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	str_split(&lines, devices, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		uint64_t n;
		char *p = lines.v[i] + strspn(lines.v[i], " "), *blank = strchr(p, ' ');
		if (str_starts(p, "Block devices"))
			break;
		if (!blank || !str_eq(blank + 1, name))
			continue;
		*blank = 0;
		if (str_to_u64(p, &n) && n < 4096)
			return (unsigned)n;
	}
	return 0;
}

static void need_device(struct gpus *g, unsigned major, unsigned minor, const char *path)
{
	if (major)
		vec_push(&g->devices, (struct gpu_device){path, major, minor});
}

/* "gi12" -> 12; false for anything else. */
static bool instance_of(const char *name, const char *prefix, unsigned *ret)
{
	uint64_t n;
	if (!str_starts(name, prefix) || !str_to_u64(name + strlen(prefix), &n) || n >= GPU_MAX)
		return false;
	*ret = (unsigned)n;
	return true;
}

static bool cap_of(struct gpus *g, const char *dir, unsigned *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/access", dir);
	_cleanup_free_ char *text = gpu_read(g->root, path);
	return text && gpu_number(g, text, "DeviceFileMinor", CAP_MAX, ret);
}

static int by_instance(const void *a, const void *b)
{
	const struct gpu_part *x = a, *y = b;
	if (x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	return x->compute < y->compute ? -1 : x->compute > y->compute;
}

/* gi*: GPU instances; in them ci*: compute instances, and only those can be used. */
static void find_parts(struct gpus *g, struct gpu *gpu)
{
	_cleanup_free_ char *mig = xasprintf(PROC "/capabilities/gpu%u/mig", gpu->minor);
	_cleanup_strvec_ struct strvec outer = STRVEC_INIT;
	bool partitioned = false;
	gpu_names(g->root, mig, &outer);
	for (size_t i = 0; i < outer.n; i++) {
		struct gpu_part p;
		_cleanup_free_ char *dir = xasprintf("%s/%s", mig, outer.v[i]);
		_cleanup_strvec_ struct strvec inner = STRVEC_INIT;
		if (!instance_of(outer.v[i], "gi", &p.instance))
			continue;
		partitioned = true;
		gpu_names(g->root, dir, &inner);
		for (size_t k = 0; k < inner.n && cap_of(g, dir, &p.caps[0]); k++) {
			_cleanup_free_ char *sub = xasprintf("%s/%s", dir, inner.v[k]);
			if (instance_of(inner.v[k], "ci", &p.compute) && cap_of(g, sub, &p.caps[1]))
				vec_push(&gpu->parts, p);
		}
	}
	if (gpu->parts.n)
		qsort(gpu->parts.v, gpu->parts.n, sizeof *gpu->parts.v, by_instance);
	if (partitioned && !gpu->parts.n)
		gpu->why = "it is partitioned (MIG), and has no compute instance";
}

/* "GPU-" and 36 digits and dashes; before a GPU's first use the driver shows question marks. */
static const char *good_uuid(const char *s)
{
	return s && str_starts(s, "GPU-") && strlen(s) == 40 && !s[4 + strspn(s + 4, "0123456789abcdef-")] ? s : NULL;
}

static void ask(struct gpus *g, struct gpu *gpu)
{
	_cleanup_free_ char *path = xasprintf(PROC "/gpus/%s/information", gpu->address);
	_cleanup_free_ char *text = gpu_read(g->root, path);
	if (!text) {
		gpu->why = gpu->driver
				   ? arena_printf(&g->arena, "its driver %s is not NVIDIA's, or failed", gpu->driver)
				   : "no driver took it";
		return;
	}
	const char *model = gpu_field(g, text, "Model"), *excluded = gpu_field(g, text, "GPU Excluded");
	if (model && *model)
		gpu->model = model;
	gpu->uuid = good_uuid(gpu_field(g, text, "GPU UUID"));
	if (!gpu_number(g, text, "Device Minor", MINOR_GPU_MAX, &gpu->minor))
		gpu->why = "the driver says no device number";
	else if (str_eq(excluded, "Yes"))
		gpu->why = "the driver's settings exclude it";
	else
		find_parts(g, gpu);
}

/* Its own device first, then the render nodes that nvidia-drm may have made. */
static void add_nodes(struct gpus *g, struct gpu *gpu)
{
	const char *render[ARRAY_SIZE(gpu->nodes)] = {0};
	size_t n = 0;
	memcpy(render, gpu->nodes, sizeof render);
	memset(gpu->nodes, 0, sizeof gpu->nodes);
	gpu->nodes[n++] = arena_printf(&g->arena, "/dev/nvidia%u", gpu->minor);
	for (size_t i = 0; render[i] && n + 1 < ARRAY_SIZE(gpu->nodes); i++)
		if (gpu_has(g->root, render[i]))
			gpu->nodes[n++] = render[i];
}

static void list_devices(struct gpus *g, const char *devices)
{
	unsigned own = major_of(devices, "nvidia"), uvm = major_of(devices, "nvidia-uvm"),
		 caps = major_of(devices, "nvidia-caps");
	if (!own)
		own = major_of(devices, "nvidia-frontend");
	need_device(g, own, MINOR_CTL, "/dev/nvidiactl");
	if (major_of(devices, "nvidia-modeset"))
		need_device(g, own, MINOR_MODESET, "/dev/nvidia-modeset");
	need_device(g, uvm, 0, "/dev/nvidia-uvm");
	need_device(g, uvm, 1, "/dev/nvidia-uvm-tools");
	for (size_t i = 0; i < g->v.n; i++) {
		const struct gpu *gpu = &g->v.v[i];
		if (gpu->why)
			continue;
		need_device(g, own, gpu->minor, gpu->nodes[0]);
		for (size_t k = 0; k < gpu->parts.n * 2; k++) {
			unsigned cap = gpu->parts.v[k / 2].caps[k % 2];
			need_device(g, caps, cap, arena_printf(&g->arena, "/dev/nvidia-caps/nvidia-cap%u", cap));
		}
	}
}

void gpu_nvidia(struct gpus *g)
{
	_cleanup_free_ char *version = gpu_read(g->root, PROC "/version"), *params = gpu_read(g->root, PROC "/params"),
			    *devices = gpu_read(g->root, "/proc/devices");
	if (version)
		g->version = version_in(g, version);
	for (size_t i = 0; i < g->v.n; i++) {
		ask(g, &g->v.v[i]);
		if (!g->v.v[i].why)
			add_nodes(g, &g->v.v[i]);
	}
	g->device_mode = MODE_DEFAULT;
	if (params) {
		(void)gpu_number(g, params, "DeviceFileMode", 0666, &g->device_mode);
		(void)gpu_number(g, params, "DeviceFileUID", UINT16_MAX, &g->device_uid);
		(void)gpu_number(g, params, "DeviceFileGID", UINT16_MAX, &g->device_gid);
	}
	if (devices)
		list_devices(g, devices);
}
