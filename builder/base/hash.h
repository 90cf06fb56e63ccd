/* SHA-256 (FIPS 180-4, by libcrypto): of bytes, of files, and of lists of named inputs (step keys). */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define HASH_HEX 65 /* 64 hex digits and the NUL */

struct hash; /* a running SHA-256 */
struct hash *hash_new(void) __attribute__((returns_nonnull));
void hash_add(struct hash *h, const void *data, size_t n);
/* One field of a list of inputs: the length goes in too, so that ("ab","c") and ("a","bc") differ. NULL is a value of
 * its own. */
void hash_field(struct hash *h, const char *s);
void hash_field_u64(struct hash *h, uint64_t v);
/* Ends the hash and frees it. */
void hash_end(struct hash *h, char hex[HASH_HEX]);
void hash_end_raw(struct hash *h, uint8_t raw[32]);
void hash_hex(const uint8_t raw[32], char hex[HASH_HEX]);

void hash_bytes(const void *data, size_t n, char hex[HASH_HEX]);
int hash_file(const char *path, char hex[HASH_HEX], struct err *err);
int hash_fd(int fd, char hex[HASH_HEX], struct err *err); /* from the current position to the end */
