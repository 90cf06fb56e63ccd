/* Inside builder/plan: templates and the check of what comes of them. */
#pragma once
#include "base/vec.h"
#include "plan/planner.h"

/* For each line of the output, the template's line (from 1). Release with vec_release. */
struct rendered {
	unsigned *v;
	size_t n, cap;
};

/* A template's text; *ret is (rt). A secret where secret_ok is false is an error. */
int render_template(const struct scope *s, const char *text, const char *name, bool secret_ok, struct rendered *map,
	struct value *ret, struct err *err);
/*
 * Parse what was rendered (with sample values for what only the machine knows), by the ending of `path`: YAML and JSON.
 * An error names the template and its line.
 */
int rendered_check(const char *path, const char *name, const char *rt, const struct rendered *map, struct err *err);
