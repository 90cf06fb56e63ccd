/* Inside builder/plan: provision steps. */
#pragma once
#include "plan/planner.h"

/* A list of steps, evaluated, as docs/formats.md has them in the machine file. The caller owns it; NULL with an error.
 */
json_t *steps_json(const struct scope *s, const struct ynode *steps, struct err *err);
