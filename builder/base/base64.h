/* Base64 (RFC 4648, section 4): with padding, on one line. */
#pragma once
#include "base/str.h"

void base64_add(struct strbuf *out, const void *data, size_t n);
/* Append what `s` stands for; false when it is not padded base64 on one line (then part of it may have been added). */
bool base64_decode(struct strbuf *out, const char *s);
