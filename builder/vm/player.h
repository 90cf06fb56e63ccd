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
	unsigned short random[3]; /* of erand48: where the next random moment comes from */
	struct strbuf why;	  /* of the step that fails */
	struct strbuf said;	  /* of the step that holds: what it has to show */
};

/* listen.c: take in what the machine said since the last look; at the end of a boot, hand its status to the verdict. */
void play_listen(struct play *p);
void play_end_of_boot(struct play *p);

/* visit.c, cut.c: steps of play_steps.c. */
int step_visit(struct play *p, const struct scenario_step *s, struct err *err);
int step_cut(struct play *p, const struct scenario_step *s, struct err *err);

/* play_machine.c: switch on; a new machine, switched off. */
int play_boot(struct play *p, struct err *err);
int play_fresh(struct play *p, struct err *err);
/* Wait until fn holds. 0 held, 1 not within the time or the machine ended; p->why says it. */
int play_wait(struct play *p, uint64_t within_ms, bool (*fn)(struct play *, const struct scenario_step *),
	const struct scenario_step *s);
bool play_is_ready(struct play *p, const struct scenario_step *s);
/* How the machine ended, for p->why. */
void play_add_end(struct play *p, enum vm_end end);

/*
 * play_steps.c: one step, by kind. 0: it holds. 1: it does not, p->why says it. -1: the test could not be done, or
 * (ERR_TEST) the appliance's failure.
 */
extern int (*const play_steps[])(struct play *p, const struct scenario_step *s, struct err *err);
