/* What the files that play a scenario share. Nothing outside builder/vm includes it. */
#pragma once
#include "vm/play.h"

/* One scenario being played. */
struct play {
	const struct scenario *s;
	struct guest g;
	struct verdict *v;
	json_t *status;	       /* the last the machine reported; NULL since the start of a boot */
	json_t *full;	       /* the last full one: with the boot's breakdown, what listens, what was written */
	uint64_t power_on_ms;  /* when the machine of this boot was switched on; 0: it rebooted by itself */
	uint64_t before_ms;    /* from there to its kernel's start, as far as known */
	struct strbuf console; /* since the start of this boot */
	json_t *saved;	       /* outputs by name */
	json_t *ran;	       /* provision graphs that were seen to run in this boot */
	unsigned shots;
	struct strbuf why;  /* of the step that fails */
	struct strbuf said; /* of the step that holds: what it has to show */
};

/* listen.c: take in what the machine said since the last look; at the end of a boot, hand its status to the verdict. */
void play_listen(struct play *p);
void play_end_of_boot(struct play *p);

/* visit.c: a step of play_steps.c. */
int step_visit(struct play *p, const struct scenario_step *s, struct err *err);

/*
 * play_steps.c: one step, by kind. 0: it holds. 1: it does not, p->why says it. -1: the test could not be done, or
 * (ERR_TEST) the appliance's failure.
 */
extern int (*const play_steps[])(struct play *p, const struct scenario_step *s, struct err *err);
