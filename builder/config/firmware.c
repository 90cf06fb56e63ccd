#include "config/firmware.h"
#include <string.h>

static const char *const finders[] = {"render", "nvidia", NULL};
static const struct field gpu_fields[] = {
	FIELD(struct gpu_def, kind, STR, .required = true),
	FIELD(struct gpu_def, vendor, STR, .required = true),
	FIELD(struct gpu_def, find, ENUM, .names = finders, .required = true),
	FIELD(struct gpu_def, classes, STRS, .required = true),
	FIELD(struct gpu_def, load, STRS, .required = true),
	FIELD(struct gpu_def, nodes, STRS),
	FIELD(struct gpu_def, mounts, MAP),
	FIELD_END,
};
static const struct field build_fields[] = {
	FIELD(struct build_def, packages, STRS, .required = true),
	FIELD(struct build_def, source, SCALAR, .required = true),
	FIELD(struct build_def, patches, STRS),
	FIELD(struct build_def, commands, NODE, .required = true),
	FIELD(struct build_def, modules, STRS, .required = true),
	FIELD_SELF(struct build_def, self),
	FIELD_END,
};
static const struct field firmware_fields[] = {
	FIELD_AS("firmware", struct firmware_def, name, IDENT, .required = true),
	FIELD(struct firmware_def, summary, STR, .required = true),
	FIELD(struct firmware_def, kernel, IDENT),
	FIELD(struct firmware_def, components, STRS),
	FIELD(struct firmware_def, packages, STRS),
	FIELD(struct firmware_def, modules, STRS),
	FIELD(struct firmware_def, microcode, MAP),
	FIELD_SUB(struct firmware_def, files, NAMED, struct file_def, tree_file_fields, .any_name = true),
	FIELD(struct firmware_def, cmdline, STR),
	FIELD_SUB(struct firmware_def, gpu, PTR, struct gpu_def, gpu_fields),
	FIELD_SUB(struct firmware_def, build, PTR, struct build_def, build_fields),
	FIELD_SELF(struct firmware_def, self),
	FIELD_END,
};

struct firmware_def *firmware_load(struct arena *arena, const char *path, const char *shown, struct err *err)
{
	const struct ynode *root = yaml_load(arena, path, shown, err);
	struct firmware_def *f = ARENA_NEW(arena, struct firmware_def);
	if (!root || bind_map(arena, root, firmware_fields, f, err) < 0 || file_defs_check(&f->files, err) < 0)
		return NULL;
	return f;
}
