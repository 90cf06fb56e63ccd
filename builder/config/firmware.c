#include "config/firmware.h"
#include <string.h>

static const struct field firmware_fields[] = {
	FIELD_AS("firmware", struct firmware_def, name, IDENT, .required = true),
	FIELD(struct firmware_def, summary, STR, .required = true),
	FIELD(struct firmware_def, packages, STRS),
	FIELD(struct firmware_def, modules, STRS),
	FIELD(struct firmware_def, cmdline, STR),
	FIELD_SELF(struct firmware_def, self),
	FIELD_END,
};

struct firmware_def *firmware_load(struct arena *arena, const char *path, const char *shown, struct err *err)
{
	const struct ynode *root = yaml_load(arena, path, shown, err);
	struct firmware_def *f = ARENA_NEW(arena, struct firmware_def);
	if (!root || bind_map(arena, root, firmware_fields, f, err) < 0)
		return NULL;
	return f;
}
