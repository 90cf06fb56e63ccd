/* Lines of text from a descriptor that may deliver them in pieces: QMP, the report port, a growing log file. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>

struct lines {
	int fd; /* owned; -1: none */
	struct strbuf buf;
	size_t used; /* bytes of buf already given out */
	bool eof;
};
/*
 * The next whole line without its end, valid until the next call; NULL when none came within timeout_ms (0: do not
 * wait; files never wait) or the other side is gone (eof). A line over 16 MiB is an error and the end (eof).
 */
const char *lines_next(struct lines *l, int timeout_ms, struct err *err);
void lines_release(struct lines *l);
/* Connect to a Unix socket, trying for timeout_ms until it is there. Descriptor or -1. */
int lines_connect(const char *path, int timeout_ms, struct err *err);
/* Milliseconds of the monotonic clock. */
uint64_t vm_ms(void);
