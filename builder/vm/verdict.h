/*
 * What a test saw: per scenario and engine the steps with their outcome, the last status, the console. The machine's
 * words are data from outside: all text is kept as strbuf_add_plain leaves it.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum verdict_outcome { VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

struct verdict_step {
	char *name;
	enum verdict_outcome outcome;
	double seconds;
	char *detail; /* why it failed or was skipped; NULL */
};
struct verdict {
	char *scenario, *summary, *engine, *profile;
	enum verdict_outcome outcome;
	char *detail;	   /* why it was skipped, as a whole */
	const char *fault; /* of the engine, seen when it failed; NULL: the failure is the appliance's */
	double seconds;
	struct verdict_step *steps;
	size_t n, cap;
	json_t *boots; /* the last status of every boot, with its breakdown */
	struct strbuf console;
	struct strvec screenshots; /* file names in the report directory */
};
struct verdicts {
	struct verdict *v;
	size_t n, cap;
};

struct verdict *verdicts_add(
	struct verdicts *vs, const char *profile, const char *scenario, const char *summary, const char *engine);
void verdict_add_step(struct verdict *v, const char *name, enum verdict_outcome o, double seconds, const char *detail);
/* A line of the console. Of a console over VERDICT_CONSOLE_MAX bytes the older half is left out. */
enum { VERDICT_CONSOLE_MAX = 8 << 20 };
void verdict_add_console(struct verdict *v, const char *line);
/* Forget what was seen and begin anew, with a step that says why: `v->fault`. */
void verdict_begin_again(struct verdict *v);
/* The last status of a boot. */
void verdict_add_boot(struct verdict *v, const json_t *status);
void verdicts_release(struct verdicts *vs);
void verdicts_count(const struct verdicts *vs, size_t counts[3]); /* scenarios by outcome */

/* For people: one line per step. */
void verdict_print(FILE *f, const struct verdict *v);
/* The services of the last boot that reported them: a table by layer. Prints nothing when there was none. */
void verdict_print_services(FILE *f, const struct verdict *v);
json_t *verdicts_json(const struct verdicts *vs);
/* JUnit XML, as CI systems read it. The caller frees it. */
char *verdicts_junit(const struct verdicts *vs);
/* One self-contained page. The caller frees it. */
char *verdicts_html(const struct verdicts *vs);
