/* Inside builder/plan: provision steps. */
#pragma once
#include "plan/planner.h"

/* A list of steps, evaluated, as docs/formats.md has them in the machine file. The caller owns it; NULL with an error.
 */
json_t *steps_json(const struct scope *s, const struct ynode *steps, struct err *err);

/* step_values.c: one value for `key`, a new reference; NULL with an error. */
json_t *step_text_json(const struct scope *s, const struct ynode *n, const char *key, bool secret_ok, struct err *err);
json_t *step_words_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
json_t *step_map_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
json_t *step_any_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
json_t *step_input_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
json_t *step_bool_json(const struct ynode *n, const char *key, struct err *err);
json_t *step_statuses_json(const struct ynode *n, const char *key, struct err *err);
json_t *step_containers_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
json_t *step_save_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err);
/*
 * Add a value to an array (key NULL) or object. A NULL value is an error that is set already: `into` is released and
 * set to NULL, and false returned.
 */
bool step_put(json_t **into, const char *key, json_t *value);
