/* Does a container answer? Asked from the host, over its fixed address. */
#pragma once
#include "target/agent/agent.h"

/* One probe as the container's `health` says. 0: healthy; -1: the error says why not. */
int probe(const struct container *c, struct err *err);
int probe_tcp(const char *address, unsigned port, uint64_t timeout_ms, struct err *err);
/* Whether an HTTP status is among the expected (0-ended); when none is named, whether it lies in low..high. */
bool probe_expected(const unsigned *expect, unsigned status, unsigned low, unsigned high);
