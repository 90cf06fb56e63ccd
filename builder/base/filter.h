/*
 * The filters of references, `${REF|NAME}`, for the build and for the machine (docs/formats.md, "Runtime text"):
 *     json yaml     a whole double-quoted string, quotes included (JSON strings are YAML scalars)
 *     sh            one single-quoted word of a POSIX shell
 *     url           percent-encoded but for RFC 3986's unreserved characters
 *     upper b64     ASCII upper case; RFC 4648 base64 with padding, on one line
 *     glob          a whole path pattern, * for anything, as an anchored regular expression
 *     bcrypt sha512crypt    crypt(3): $2b$ and $6$
 *     pbkdf2        RFC 8018's with HMAC-SHA-256: "KEY,SALT,ROUNDS", 64 hex digits, 32 characters, a number
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* Whether there is a filter of that name; filter_names is NULL-terminated. */
bool filter_known(const char *name);
/* Whether it makes the hash of a password, which one that is empty must not have: it would let anybody in. */
bool filter_hashes(const char *name);
extern const char *const filter_names[];
/*
 * Apply one filter; the caller frees *ret. `salt_id` names the value (its reference): the hashing filters derive
 * their salt from it and the value, so that the same text comes out every time. Errors: ERR_CONFIG for an unknown name.
 */
int filter_apply(const char *name, const char *value, const char *salt_id, char **ret, struct err *err);
