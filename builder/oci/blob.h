/*
 * A layer's blob read as a stream: hashed as it is and hashed uncompressed (gzip of one or several members, zstd with
 * skippable frames, or plain, told by the first bytes). Memory does not depend on its size.
 */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum blob_form { BLOB_PLAIN = 0, BLOB_GZIP = 2, BLOB_ZSTD = 4 }; /* podman's numbers */

struct blob {
	const char *path;
	const char *digest, *diff_id; /* what the hashes must be, hexadecimal; NULL: not known */
	uint64_t size;		      /* of the file */
	uint64_t limit;		      /* bytes it may unpack to */
};
struct blob_found {
	enum blob_form form;
	uint64_t unpacked; /* bytes */
};
/*
 * Pass the uncompressed bytes to `fn`. What it did with them counts only when 0 is returned. A blob that is not the one
 * of its digest is always reported as that, whatever its bytes made of decompressor and `fn`.
 */
typedef int (*blob_fn)(const void *data, size_t n, void *arg, struct err *err);
int blob_read(const struct blob *b, blob_fn fn, void *arg, struct blob_found *ret, struct err *err);
/* How it is compressed, by its first bytes. */
int blob_sniff(const char *path, enum blob_form *ret, struct err *err);
