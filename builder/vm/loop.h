/* Loop devices (loop(4)). */
#pragma once
#include "base/err.h"

/*
 * A free loop device with a file behind it, for as long as somebody has it open: the descriptor, the caller's, and the
 * device's number. Needs the rights of root.
 */
int loop_attach(const char *file, unsigned *number, struct err *err);
