/* Base64 (RFC 4648, section 4): with padding, on one line. */
#pragma once
#include "base/str.h"

void base64_add(struct strbuf *out, const void *data, size_t n);
