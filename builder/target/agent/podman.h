/* Programs inside containers, by podman. */
#pragma once
#include "base/proc.h"
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
/* The same, running beside us: a pipe's far end. `in` and `out` are descriptors or 0; what it says besides is kept. */
struct podman_child {
	struct proc proc;
	char *mark;
};
int podman_start(const struct podman_exec *x, int in, int out, struct podman_child *c, struct err *err);
/* 0 when it ended with status 0; else -1, with the last of what it said in `said`. Releases the child. */
int podman_wait(struct podman_child *c, const struct podman_exec *x, struct strbuf *said, struct err *err);
void podman_kill(struct podman_child *c); /* in the container too; nothing when it does not run */
int podman_signal(const char *container, const char *signal, struct err *err);
/* A process of the unit's container that lives in a network namespace of its own, or 0. */
pid_t podman_pid(const struct container *c);
