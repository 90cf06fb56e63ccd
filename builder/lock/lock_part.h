/* Parts of the lock's JSON. Inside of builder/lock. */
#pragma once
#include "lock/lock.h"
#include <jansson.h>

/* lock_words.c: whether a text is one; never for an empty one. */
bool lock_is_hex64(const char *s);
bool lock_is_uri(const char *s); /* where a source or a package is fetched */
bool lock_is_arch(const char *s);
bool lock_is_suite(const char *s);
bool lock_is_component(const char *s);
bool lock_is_version(const char *s);
bool lock_is_deb_path(const char *s); /* relative, stays below where it starts */
bool lock_is_set_id(const char *s);
bool lock_is_key(const char *s); /* "NAME:ARCH" of a package */
bool lock_is_image_name(const char *s);
bool lock_is_line(const char *s); /* no control characters */

/* Locks without models do not have the member: NULL. */
json_t *lock_models_json(const struct lock *l);
int lock_read_models(const json_t *root, struct lock *l, struct err *err);
