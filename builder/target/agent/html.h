/* HTML from values that nobody vouches for. */
#pragma once
#include "base/str.h"

/* Appends `fmt`, HTML with %s and %zu only. Every %s is made plain (strbuf_add_plain) and escaped: it is text, inside
 * an element or a double-quoted attribute. */
void html_addf(struct strbuf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
