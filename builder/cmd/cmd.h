/*
 * The commands. Each gets its own arguments (argv[0] is the command's name), prints its result to stdout and
 * returns 0, or an exit status that is an answer, or -1 with the error for main to print.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include <stdbool.h>

enum { CMD_DIFFERS = 9 }; /* after those of errors (base/err.h) */

/* Options that every command understands; */
struct cmd_globals {
	bool json;	   /* --json: results for machines */
	bool timings;	   /* --timings: seconds by step at the end */
	bool explain;	   /* --explain: why each step runs */
	bool offline;	   /* --offline: never touch the network */
	bool answered;	   /* with --json: the result is printed, and an error adds no second document to it */
	unsigned jobs;	   /* -j N; 0: one per core */
	const char *cache; /* --cache DIR; NULL: the default */
	const char *out;   /* --out DIR; NULL: ./out */
};
extern struct cmd_globals cmd_globals;
/* Take these out of argv, wherever they stand before "--". Returns the new argc, or -1. */
int cmd_options(int argc, char **argv, struct err *err);

/* guest_inspect, on KVM where that runs a kernel, with its progress shown. */
json_t *cmd_look(const char *image, struct err *err);

/* The one argument of a command that takes a profile and no options of its own, or NULL. */
const char *cmd_profile(int argc, char **argv, struct err *err);
/* Whether this is the name of a shipped profile ("core") and not a file: an identifier, and no such file is here. */
bool cmd_is_name(const char *given);
/* The path of the profile with this name in the data roots of the working directory, as people see it, or NULL. */
const char *cmd_shipped(const char *name, struct arena *arena, struct err *err);
/*
 * appliance_load of a file or of a name. The lock of a profile given by name that is not below the working directory
 * belongs in the working directory, as what is installed is not to be written to.
 */
struct appliance *cmd_load(const char *given, struct err *err);
/*
 * The lock of a profile, as it is: nothing is looked up. `given`: how people call the profile. ERR_IO when there is
 * none, ERR_CONFIG when it no longer fits.
 */
int cmd_lock_of(const struct appliance *a, const char *given, struct lock *ret, struct err *err);
/* A lock that people name by its file. */
int cmd_lock_at(const char *path, struct lock *ret, struct err *err);
/*
 * The value of "--name VALUE" or "--name=VALUE" at argv[*i] (which is moved past it), or NULL when another option
 * stands there. When the value is missing *i becomes -1.
 */
const char *cmd_value(const char *name, int argc, char **argv, int *i);

int cmd_plan(int argc, char **argv, struct err *err);
int cmd_new(int argc, char **argv, struct err *err);
int cmd_lock(int argc, char **argv, struct err *err);
int cmd_fetch(int argc, char **argv, struct err *err);
int cmd_build(int argc, char **argv, struct err *err);
int cmd_test(int argc, char **argv, struct err *err);
int cmd_run(int argc, char **argv, struct err *err);
int cmd_cache(int argc, char **argv, struct err *err);
int cmd_inspect(int argc, char **argv, struct err *err);
int cmd_bundle(int argc, char **argv, struct err *err);
int cmd_sbom(int argc, char **argv, struct err *err);
int cmd_diff(int argc, char **argv, struct err *err);
int cmd_image(int argc, char **argv, struct err *err);
