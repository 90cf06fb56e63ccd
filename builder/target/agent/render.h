/* Files and environments of containers, rendered into /run. */
#pragma once
#include "target/agent/agent.h"

/*
 * Render one container's files and environment. Returns the number of files whose content
 * changed, or -1. ERR_RESOLVE: a value is not captured yet by the provision step that will.
 */
int render_container(const struct agent *a, const struct container *c, struct err *err);
/* What containers trust: RUN/ca.crt, and the same for Java, RUN/ca.p12. Returns 1 when that changed, 0 or -1. */
int render_ca(const struct agent *a, struct err *err);
