/*
 * A test scenario: what to do to a booted image and what to expect (docs/writing-a-scenario.md). Parsed here, carried
 * out in builder/vm.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "config/bind.h"
#include <stdbool.h>
#include <stdint.h>

enum scenario_step_kind {
	STEP_BOOT,    /* switch on */
	STEP_FRESH,   /* a new machine from the same image: all state is gone */
	STEP_READY,   /* wait until the appliance reports ready */
	STEP_STATUS,  /* wait until its status says something */
	STEP_RUN,     /* a command on the machine or in a container */
	STEP_CONSOLE, /* wait for text on the console */
	STEP_REBOOT,  /* orderly, and up again */
	STEP_OFF,     /* wait until it switches itself off; `button` presses first */
	STEP_CUT,     /* pull the plug */
	STEP_CORRUPT, /* change bytes of a partition while it is off */
	STEP_SCREENSHOT,
	STEP_VISIT, /* a program of the test's host uses what the machine publishes */
};

struct scenario_step {
	const struct ynode *self; /* place, for messages */
	enum scenario_step_kind kind;
	const char *name; /* what is checked, for people; NULL: made from the kind */
	uint64_t within_ms;
	const char *in;				   /* run: container; NULL: the machine */
	struct ylist command;			   /* run; visit: the program, beside the scenario, and its arguments */
	uint64_t status;			   /* run: exit status */
	const char *output;			   /* run, console: extended regular expression */
	const char *save, *same, *differs, *apart; /* run: the output, by name; apart: no line in common */
	bool retry;				   /* run: again until it holds or the time is up */
	bool show;				   /* run: what it printed belongs to the verdict, also when it holds */
	const char *at, *is;			   /* status: JSON pointer and regular expression */
	const char *provision;			   /* cut: as soon as this provision graph runs */
	uint64_t after_ms;			   /* cut: so long after the step begins */
	uint64_t random_ms;			   /* cut: at a random moment of first boot, within so long */
	uint64_t times;				   /* cut, with random: so often, switched on in between; 0: once */
	const char *partition;			   /* corrupt: label ending: "root", "store" ... */
	bool button;				   /* off */
};

struct scenario {
	const char *name, *summary, *file;
	struct ylist engines;  /* empty: all */
	struct ylist profiles; /* names of the profiles it is for; empty: all */
	struct {
		uint64_t memory, disk, cpus; /* 0: what the profile says */
		bool nic;
		const char *clock;
		struct ymap disks; /* label: size. Further disks, each one ext4 file system of that label */
	} machine;
	BLIST(struct scenario_step) steps;
};

/* `shown` is what errors call the file. The scenario lives in the arena. */
struct scenario *scenario_load(struct arena *arena, const char *path, const char *shown, struct err *err);
/* A pattern of a scenario against what a machine printed: line by line, and what ends the last one is not one more. */
bool scenario_matches(const char *text, const char *pattern);
/* The kind's key in the file. */
const char *scenario_step_key(enum scenario_step_kind kind);
