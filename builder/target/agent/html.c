#include "target/agent/html.h"
#include <stdlib.h>
#include <string.h>

static void escaped(struct strbuf *out, const char *s)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	strbuf_add_plain(&plain, s ? s : "");
	for (const char *p = strbuf_cstr(&plain); *p; p++)
		switch (*p) {
		case '&':
			strbuf_adds(out, "&amp;");
			break;
		case '<':
			strbuf_adds(out, "&lt;");
			break;
		case '>':
			strbuf_adds(out, "&gt;");
			break;
		case '"':
			strbuf_adds(out, "&quot;");
			break;
		case '\'':
			strbuf_adds(out, "&#39;");
			break;
		default:
			strbuf_addc(out, *p);
		}
}

void html_addf(struct strbuf *out, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	for (const char *p = fmt; *p; p++) {
		if (*p != '%')
			strbuf_addc(out, *p);
		else if (str_starts(p, "%s"))
			escaped(out, va_arg(ap, const char *)), p++;
		else if (str_starts(p, "%zu"))
			strbuf_addf(out, "%zu", va_arg(ap, size_t)), p += 2;
		else
			abort(); /* a format of this program */
	}
	va_end(ap);
}
