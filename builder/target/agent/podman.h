/* Programs inside containers, by podman. */
#pragma once
#include "target/agent/agent.h"

struct podman_exec {
	const char *container, *user; /* user NULL: the container's own */
	const char *const *argv;
	const json_t *env;	/* object of strings, may be secret: never on a command line. NULL: none */
	const char *stdin_text; /* NULL: /dev/null */
	uint64_t timeout_ms;
};
/*
 * Run it to the end; `out` gets what it wrote, both streams. 0 when it ended with status 0, else -1; its output is
 * then in `out`, not in the error. Past the time-out it is killed, inside the container too.
 */
int podman_exec(const struct podman_exec *x, struct strbuf *out, struct err *err);
int podman_signal(const char *container, const char *signal, struct err *err);
/* A process of the unit's container that lives in a network namespace of its own, or 0. */
pid_t podman_pid(const struct container *c);
