/* The console: every failure says what and why, and what happens next. */
#include "init.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int kmsg = -1;

void talk_open(void)
{
	(void)put("/proc/sys/kernel/printk_devkmsg", "on\n"); /* no message is dropped for its rate */
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

/* One line; level as in syslog. "quiet" shows levels below 4 on the consoles. */
static void __attribute__((format(printf, 3, 0))) line(int level, const char *prefix, const char *fmt, va_list ap)
{
	char buf[900];
	int n = snprintf(buf, sizeof buf, "<%d>kiln: %s", level, prefix);
	int more = vsnprintf(buf + n, sizeof buf - (size_t)n - 1, fmt, ap);

	n = more < (int)sizeof buf - n - 1 ? n + more : (int)sizeof buf - 2;
	buf[n++] = '\n';
	if (kmsg < 0 || write(kmsg, buf, (size_t)n) < 0)
		if (write(STDERR_FILENO, buf + 3, (size_t)n - 3) < 0)
			return;
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(6, "", fmt, ap);
	va_end(ap);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(3, "", fmt, ap);
	va_end(ap);
}

/* Idle for ever; children are reaped, so that nothing piles up. */
static void __attribute__((noreturn)) wait_for_a_person(void)
{
	for (;;)
		if (wait(NULL) < 0)
			pause();
}

void stop(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(2, "STOPPED: ", fmt, ap);
	va_end(ap);
	complain("the machine waits; another start by itself would not help");
	sync();
	wait_for_a_person();
}

void give_up_slot(bool another, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(2, another ? "" : "STOPPED: ", fmt, ap);
	va_end(ap);
	sync();
	if (another) {
		complain("rebooting in 3 seconds, so that the boot loader tries the other slot");
		sleep(3);
		reboot(RB_AUTOBOOT);
	}
	complain("the machine waits; no other slot could be started instead");
	wait_for_a_person();
}

double seconds(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
