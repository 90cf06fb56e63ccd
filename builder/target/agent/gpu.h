/*
 * GPUs of this machine: which there are (from /proc, /sys and /dev below a root), what containers get of them (a CDI
 * specification for podman), and who gets which. What an image wants is "gpu" of the machine file (docs/gpu.md).
 */
#pragma once
#include "base/vec.h"
#include "target/agent/agent.h"

#define GPU_MAX 256 /* more are not looked at */

/* "gpu" of the machine file. All text is borrowed from there. */
struct gpu_want {
	struct arena arena;
	const char *name, *kind, *vendor; /* "nvidia", "nvidia.com/gpu", "10de" */
	bool nvidia;			  /* found by the driver's /proc files; else by render nodes */
	const char *const *classes;	  /* of PCI, as prefixes: "03" */
	const char *const *load;	  /* modules to load where there is such a GPU */
	const char *const *nodes;	  /* devices beside each GPU's own; '?' at the end: where they are */
	const json_t *mounts;		  /* [{"from": PATTERN, "to": DIRECTORY}] */
	const json_t *containers;	  /* [{"name": CONTAINER, "devices": [NAME]}] */
};

struct gpu_part { /* of a GPU that is partitioned: a compute instance of a MIG device */
	unsigned instance, compute;
	unsigned caps[2]; /* minors of the two capability devices */
};
struct gpu {
	const char *address;	  /* "0000:01:00.0" */
	const char *driver;	  /* NULL: none took it */
	const char *model, *uuid; /* uuid may be NULL */
	const char *why;	  /* it cannot be used, because; NULL: it can */
	unsigned minor;
	const char *nodes[4]; /* its own devices, NULL-terminated */
	VEC(struct gpu_part) parts;
};
struct gpu_device { /* one to make when it is not there: a driver that leaves that to user space */
	const char *path;
	unsigned major, minor;
};
struct gpus {
	struct arena arena;
	int root;
	VEC(struct gpu) v; /* by address */
	VEC(struct gpu_device) devices;
	unsigned device_mode, device_uid, device_gid;
	const char *version;  /* of the driver, or NULL */
	const char *problem;  /* why none can be used though some could by themselves; or NULL */
	const char *unloaded; /* why a module of the driver could not be loaded; NULL or "": nobody knows of one */
};

/* gpu_root.c: reading below a root; nothing leads out of it. */
char *gpu_read(int root, const char *path);				  /* NULL: not there */
bool gpu_has(int root, const char *path);				  /* also when it is of any kind */
void gpu_names(int root, const char *path, struct strvec *out);		  /* sorted */
void gpu_match(int root, const char *pattern, struct strvec *out);	  /* '*' within names; sorted */
const char *gpu_link(struct gpus *g, const char *path);			  /* last name of a link, or NULL */
const char *gpu_field(struct gpus *g, const char *text, const char *key); /* of "Key: value" lines, or NULL */
bool gpu_number(struct gpus *g, const char *text, const char *key, unsigned max, unsigned *ret);

/* gpu_want.c: false when the image wants none. `out` is zeroed by the caller, who releases its arena. */
int gpu_want_read(const json_t *machine, struct gpu_want *out, bool *ret, struct err *err);

/* gpu_load.c: the modules. `why` is what was said of the first that could not be loaded, and what helps. */
void gpu_load(const struct gpus *g, const struct gpu_want *w, struct strbuf *why);

/*
 * gpu_find.c: all GPUs that are wanted, usable or not. Devices that a driver leaves to user space are made. `g` has
 * nothing but its root before; the caller releases it.
 */
void gpus_find(struct gpus *g, const struct gpu_want *w);
/* Is there one on the bus at all? Drivers are not asked. */
bool gpus_present(const struct gpus *g, const struct gpu_want *w);
void gpus_release(struct gpus *g);
/* The n-th that can be used, or NULL. */
const struct gpu *gpus_usable(const struct gpus *g, size_t n);

void gpu_nvidia(struct gpus *g);	     /* gpu_nvidia.c: what the driver says of each */
void gpu_make_devices(const struct gpus *g); /* gpu_devices.c: those that are missing */

/* gpu_cdi.c: the specification, or NULL when no GPU can be used; the caller owns it. */
json_t *gpu_cdi(const struct gpus *g, const struct gpu_want *w);
bool gpu_cdi_has(const json_t *cdi, const char *device);

/* gpu_state.c: /run/kiln/gpu.json (docs/formats.md), and the same for people. */
json_t *gpu_state(const struct gpus *g, const struct gpu_want *w, const json_t *cdi);
void gpu_environment(const struct gpu_want *w, const json_t *cdi, struct strbuf *out);
void gpu_show(const json_t *state, struct strbuf *out);
