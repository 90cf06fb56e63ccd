/*
 * `status --publish DIR`: the status for a page that has nothing of the machine but that directory (docs/formats.md,
 * "Published status"). DIR/status.json is for everybody: of errors it has the first line. DIR/logs.json has the rest.
 */
#pragma once
#include "target/agent/agent.h"

/* Until a signal ends it: whenever something changes, and every five seconds. */
int publish_for_ever(const struct agent *a, const char *dir, struct err *err);

/* `status` with what the page shows besides, and of every error the first line only. */
void publish_open(const struct agent *a, json_t *status);
/*
 * What `status` says of failures, whole: the answers of failed steps and the problems; `lines` gives the last lines of
 * a unit's log, or NULL. Secrets are masked. The caller owns it.
 */
json_t *publish_logs(const struct agent *a, const json_t *status, char *(*lines)(const char *unit))
	__attribute__((returns_nonnull));
