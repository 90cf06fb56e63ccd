#include "vm/interrupt.h"
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t came;

static void note(int sig)
{
	(void)sig;
	came = 1;
}

void interrupt_catch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction a = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &a, NULL);
}

bool interrupt_came(void)
{
	return came;
}

int interrupt_error(struct err *err)
{
	return err_set(err, ERR_TEST, "interrupted");
}
