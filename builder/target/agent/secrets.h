/* Generated secrets. */
#pragma once
#include "target/agent/agent.h"

/* `bytes` (8..1024) random bytes as "hex" (also NULL), "base64" or "alnum" (as many characters as carry them),
 * appended. */
int secret_make(unsigned bytes, const char *encoding, struct strbuf *out, struct err *err);
