/*
 * tar-split (the JSON lines that containers/storage keeps per layer, gzip): with it and the files of a layer podman
 * rebuilds the layer's tar byte by byte. gzip uses stored blocks only, so that the bytes depend on no compressor.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "tree/tar.h"

struct tarsplit {
	int fd;
	uint64_t position;
	struct strbuf raw;    /* headers and padding not yet written */
	struct strbuf member; /* name of the member whose content is coming, as JSON */
	uint64_t size, left, crc;
	struct strbuf block; /* gzip's block in the making */
	uint32_t gz_crc, gz_size;
};
/* Write to `fd`, which stays the caller's. */
int tarsplit_begin(struct tarsplit *t, int fd, struct err *err);
/* The header of `m` has been added: m->size bytes of content follow. */
int tarsplit_member(struct tarsplit *t, const struct tar_member *m, struct err *err);
/* Bytes of the tar, in order. */
int tarsplit_add(struct tarsplit *t, const void *data, size_t n, struct err *err);
int tarsplit_end(struct tarsplit *t, struct err *err);
void tarsplit_release(struct tarsplit *t);
