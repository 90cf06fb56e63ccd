#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <unistd.h>

static enum log_level level = LOG_NORMAL; /* set once from the command line */

static void (*_Atomic before_line)(void);

void log_before_line(void (*hook)(void))
{
	before_line = hook;
}

void log_set(enum log_level l)
{
	level = l;
}

enum log_level log_get(void)
{
	return level;
}

__attribute__((format(printf, 2, 0))) static void line(const char *prefix, const char *fmt, va_list ap)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, prefix);
	strbuf_vaddf(&b, fmt, ap);
	strbuf_addc(&b, '\n');
	void (*hook)(void) = before_line;
	if (hook)
		hook();
	(void)!write(STDERR_FILENO, b.s, b.len); /* one write: whole lines even with threads */
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("kiln: warning: ", fmt, ap);
	va_end(ap);
}

void log_note(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_NORMAL)
		return;
	va_start(ap, fmt);
	line("kiln: ", fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	line("kiln: ", fmt, ap);
	va_end(ap);
}
