/*
 * Provision steps (docs/formats.md, "Provision steps"). A step comes with its references resolved already.
 * Each kind is one function in a table; all are safe to run again.
 */
#pragma once
#include "target/agent/agent.h"

struct step_run {
	const struct agent *a;
	const struct provision *p;
	const json_t *step; /* resolved */
	uint64_t timeout_ms;
	struct strbuf answer; /* what came back last, not masked */
	struct strvec *masks; /* what must not be shown: save adds to it */
};
/* One try of a step. 0: done; -1: not (yet). */
int step_try(struct step_run *r, struct err *err);
/* One try of an `unless` or of a wait's condition: an object with one of exec, http, tcp. Its own env, else the step's.
 */
int step_condition(struct step_run *r, const json_t *condition, struct err *err);
/* The kinds. `x` is the object under the kind's name, `around` the object that holds it (env, stdin, stdout). */
int step_exec(struct step_run *r, const json_t *x, const json_t *around, struct err *err);
int step_http(struct step_run *r, const json_t *x, const json_t *around, struct err *err);
int step_tcp(struct step_run *r, const json_t *x, const json_t *around, struct err *err);
int step_file(struct step_run *r, const json_t *x, const json_t *around, struct err *err);
/* Of a list of container names (or one name) the first that is healthy; NULL with an error when none is. */
const struct container *step_target(const struct step_run *r, const json_t *names, struct err *err);
