/* Large files with holes: holes stay holes, and where the file system can share blocks nothing is copied. */
#pragma once
#include "base/err.h"
#include <stdint.h>

/*
 * Copy a whole regular file into `to` at `offset`; what is a hole there stays as it is in `to` (a hole in a new file).
 * Returns the bytes of `from` in *ret_size (may be NULL). `what` names it in errors.
 */
int sparse_copy(int from, int to, uint64_t offset, const char *what, uint64_t *ret_size, struct err *err);
