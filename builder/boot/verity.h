/* dm-verity hash trees on regular files, by veritysetup of the tools tree (on-disk format 1, sha256, 4096-byte blocks).
 */
#pragma once
#include "base/err.h"
#include "tree/tools.h"

/*
 * Write the hash tree of file `data` (a multiple of 4096 bytes) to `out` and give its root hash as 64 hex digits.
 * `key` is any text that identifies the image: salt and UUID are derived from it and from `what` ("root", "store").
 */
int verity_format(const struct tools *t, const char *data, const char *key, const char *what, const char *out,
	char root_hash[65], struct err *err);
