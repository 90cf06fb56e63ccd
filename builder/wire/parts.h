/* The parts of a wiring; each adds its files. Private to builder/wire. */
#pragma once
#include "wire/wire.h"

#define WIRE_AGENT "/usr/lib/kiln/kiln-agent"
#define WIRE_UNITS "/usr/lib/systemd/system"
#define WIRE_BRIDGE "kiln0"
#define WIRE_NETWORK "kiln"
/* Where the store is mounted, and in it the models of the profile. */
#define WIRE_MODELS "/usr/lib/kiln/store/data/models"

/* A new file; the rest is for the caller to fill in. */
struct wire_file *wire_add(struct wire_files *w, const char *path);
/* Add a file with this text (copied), owned by root, or a link. */
void wire_add_text(struct wire_files *w, const char *path, unsigned mode, const char *text);
void wire_add_link(struct wire_files *w, const char *path, const char *target);

/* What the machine file says about one container's file or variable is known only there. */
bool wire_file_is_rendered(const struct file_spec *f);
bool wire_env_is_rendered(const struct kv *e);

int wire_machine(const struct appliance *a, const struct wire_facts *f, struct wire_files *w, struct err *err);
/* "gpu" of the machine file; the appliance has one. The caller owns it. */
json_t *wire_gpu(const struct appliance *a);
/* "models" of the machine file, and of a container that has `models.running`. The caller owns them. */
json_t *wire_models(const struct appliance *a);
json_t *wire_models_asked(const struct container *c);
int wire_quadlet(const struct appliance *a, const struct container *c, struct wire_files *w, struct err *err);
/* Start order of provision graphs, and what belongs to which target. */
int wire_units(const struct appliance *a, struct wire_files *w, struct err *err);
/* os-release, the clock's lower bound, ssh keys; masked and enabled units of the OS tree. */
int wire_os(const struct appliance *a, const struct wire_facts *f, struct wire_files *w, struct err *err);
