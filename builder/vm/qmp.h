/* QEMU's machine protocol (qemu-qmp-ref(7)): commands, and the events that come between. */
#pragma once
#include "base/err.h"
#include "vm/lines.h"
#include <jansson.h>

struct qmp {
	struct lines io;
	json_t *events; /* those not yet taken, oldest first */
};
int qmp_open(struct qmp *q, const char *socket, struct err *err);
/* Run a command; `args` (may be NULL) is taken. The "return" value, owned by the caller. */
json_t *qmp_command(struct qmp *q, const char *name, json_t *args, struct err *err);
/* The next event, or NULL when none came in time; the caller owns it. */
json_t *qmp_event(struct qmp *q, int timeout_ms);
void qmp_close(struct qmp *q);
