/* JSON by jansson: canonical text out, located errors in. */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>

#define _cleanup_json_ __attribute__((cleanup(json_cleanup)))
void json_cleanup(json_t **j);

/* Canonical text: keys sorted, two-space indent, UTF-8 as it is, newline at the end. The caller frees it. */
char *json_canonical(const json_t *j) __attribute__((returns_nonnull));
/* The same on one line, without the newline. */
char *json_compact(const json_t *j) __attribute__((returns_nonnull));
/* Parse; refuses duplicate keys. `name` is the file's name for the error "name:line:column: ...". */
json_t *json_parse(const char *text, size_t len, const char *name, struct err *err);
/* The same for text from outside: arrays and objects in one another at most `depth` deep. */
json_t *json_parse_shallow(const char *text, size_t len, const char *name, unsigned depth, struct err *err);
json_t *json_read(const char *path, size_t max, struct err *err);
int json_write(const char *path, const json_t *j, struct err *err); /* canonical, atomic */

/* A member's text, borrowed; "" when there is none. For what is shown. */
const char *json_text(const json_t *obj, const char *key) __attribute__((returns_nonnull));
/* Members, with an error that names the key and what was found: "KEY: expected a string, found null". */
const char *json_need_str(const json_t *obj, const char *key, struct err *err);
int json_need_u64(const json_t *obj, const char *key, uint64_t *ret, struct err *err);
json_t *json_need_array(const json_t *obj, const char *key, struct err *err);  /* borrowed */
json_t *json_need_object(const json_t *obj, const char *key, struct err *err); /* borrowed */
/* Refuse members other than those of the NULL-terminated list; the error offers the nearest. */
int json_only_keys(const json_t *obj, const char *const *keys, struct err *err);
