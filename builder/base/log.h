/* Chatter for stderr: warnings and notes. Results go to stdout and are the commands' business. */
#pragma once
#include <stdbool.h>

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };
void log_set(enum log_level level);
enum log_level log_get(void);
/* Called before each line, to take a live display out of its way; for progress. */
void log_before_line(void (*hook)(void));
/* "kiln: warning: ..." / "kiln: ..." / (verbose only) "kiln: ...". Whole lines; safe with a live progress display. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
