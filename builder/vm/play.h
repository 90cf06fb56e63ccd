/* Carry out a scenario on a machine and keep what was seen. */
#pragma once
#include "base/err.h"
#include "config/scenario.h"
#include "vm/guest.h"
#include "vm/verdict.h"

/*
 * Play all steps; stops at the first that fails. What happened goes into `v`, failures of the appliance included: an
 * error is only returned when the test itself could not be done. `v->fault` says when the engine failed the machine.
 */
int play_scenario(const struct scenario *s, const struct guest_engine *e, const struct guest_spec *spec,
	struct verdict *v, struct err *err);
