/* Control data in the deb822 form of deb-control(5): paragraphs of "Field: value", continued by lines that begin with a
 * blank. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/vec.h"
#include <stdbool.h>

struct control_field {
	const char *name;
	const char *value; /* without the blanks around it; further lines as they are, each with its leading blank */
};
struct control {
	VEC(struct control_field) fields;
};
struct control_file {
	struct arena arena; /* holds all text */
	VEC(struct control) paras;
};

/* Parse; `name` stands in errors as NAME:LINE. Refuses NUL bytes, lines without a field, a field given twice. */
int control_parse(const char *text, size_t len, const char *name, struct control_file *out, struct err *err);
void control_release(struct control_file *f);
/* A field's value (names are compared without case), or NULL. */
const char *control_get(const struct control *c, const char *field);

/* Is this a package name (policy 5.6.7: two characters or more of a-z 0-9 + - .), a version, an architecture? They
 * become file names. */
bool control_is_package(const char *s);
bool control_is_version(const char *s);
bool control_is_arch(const char *s);
