#include "base/err.h"
#include "base/mem.h"
#include <string.h>

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	return s;
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *msg = format(fmt, ap);
	va_end(ap);
	err_release(e);
	*e = (struct err){.kind = kind, .msg = msg};
	return -1;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	va_list ap;
	char text[128];

	va_start(ap, fmt);
	_cleanup_free_ char *what = format(fmt, ap);
	va_end(ap);
	const char *why = strerror_r(errnum, text, sizeof text);
	char *msg = xasprintf("%s: %s", what, why);
	err_release(e);
	*e = (struct err){.kind = ERR_IO, .sys = errnum, .msg = msg};
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_free_ char *context = format(fmt, ap);
	va_end(ap);
	char *msg = xasprintf("%s: %s", context, e->msg ? e->msg : "failed");
	free(e->msg);
	e->msg = msg;
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *hint = format(fmt, ap);
	va_end(ap);
	free(e->hint);
	e->hint = hint;
	return -1;
}

void err_move(struct err *to, struct err *from)
{
	if (to == from)
		return;
	err_release(to);
	*to = *from;
	*from = ERR_INIT;
}

void err_release(struct err *e)
{
	free(e->msg);
	free(e->hint);
	*e = ERR_INIT;
}

const char *err_kind_name(enum err_kind kind)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",
		[ERR_USAGE] = "usage",
		[ERR_CONFIG] = "configuration",
		[ERR_RESOLVE] = "resolution",
		[ERR_NETWORK] = "network",
		[ERR_VERIFY] = "verification",
		[ERR_IO] = "input/output",
		[ERR_TOOL] = "tool",
		[ERR_TEST] = "test failed",
	};

	return (size_t)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}
