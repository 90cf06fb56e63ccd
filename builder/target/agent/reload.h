/* Running containers take up what has changed. */
#pragma once
#include "target/agent/agent.h"

/* Whether it takes up changed files while it runs; one that does not is restarted for that. */
bool reload_knows(const struct container *c);
/* Tell it, by its signal or command; else queue a restart. Nothing when it does not run. */
int reload_container(const struct container *c, struct err *err);
/*
 * Render what containers trust and all their files anew, and reload those whose files changed: all that can be, a
 * failure is logged and counted. `trust` tells whether what they trust changed, also after an error.
 */
int reload_changed(const struct agent *a, bool *trust, struct err *err);
