/* Trees and images of a service file: their tables for bind_map, and what must agree in them. Inside of builder/config.
 */
#pragma once
#include "config/service.h"

extern const struct field tree_fields[];		   /* struct tree_def: a well-known tree */
extern const struct field image_fields[];		   /* struct tree_def: a container's image */
int tree_check(const struct tree_def *t, struct err *err); /* NULL is none */
int image_check(const struct tree_def *t, struct err *err);
