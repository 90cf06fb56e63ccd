/*
 * Ctrl-C and termination while a machine runs: noted, so that the machine is stopped, its disks unmounted and its
 * scratch directory removed before kiln ends. A second signal ends at once.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>

void interrupt_catch(void);
bool interrupt_came(void);
/* ERR_TEST "interrupted". Always -1. */
int interrupt_error(struct err *err);
