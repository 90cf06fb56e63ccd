#include "config/scenario.h"
#include "base/mem.h"
#include "base/str.h"
#include <regex.h>
#include <string.h>
#include <time.h>

static const struct field machine_fields[] = {
	FIELD_AS("memory", struct scenario, machine.memory, SIZE),
	FIELD_AS("disk", struct scenario, machine.disk, SIZE),
	FIELD_AS("cpus", struct scenario, machine.cpus, UINT, .min = 1, .max = 64),
	FIELD_AS("nic", struct scenario, machine.nic, BOOL),
	FIELD_AS("clock", struct scenario, machine.clock, STR),
	FIELD_AS("disks", struct scenario, machine.disks, MAP),
	FIELD_END,
};

static const char *const engine_names[] = {"qemu", "nspawn", NULL};

struct scenario_file {
	const char *name, *summary;
	struct ylist engines, profiles;
	const struct ynode *machine, *steps;
	const struct ynode *self;
};
static const struct field file_fields[] = {
	FIELD_AS("scenario", struct scenario_file, name, IDENT, .required = true),
	FIELD(struct scenario_file, summary, STR, .required = true),
	FIELD(struct scenario_file, engines, STRS),
	FIELD(struct scenario_file, profiles, IDENTS),
	FIELD(struct scenario_file, machine, NODE),
	FIELD(struct scenario_file, steps, NODE, .required = true),
	FIELD_SELF(struct scenario_file, self),
	FIELD_END,
};

#define NAME FIELD(struct scenario_step, name, STR)
#define WITHIN FIELD_AS("within", struct scenario_step, within_ms, MS)
static const struct field plain_fields[] = {NAME, FIELD_END};
static const struct field wait_fields[] = {NAME, WITHIN, FIELD_END};
static const struct field status_fields[] = {NAME, WITHIN, FIELD(struct scenario_step, at, STR, .required = true),
	FIELD(struct scenario_step, is, STR, .required = true), FIELD_END};
static const struct field run_fields[] = {NAME, WITHIN, FIELD(struct scenario_step, in, IDENT),
	FIELD(struct scenario_step, command, STRS, .required = true),
	FIELD(struct scenario_step, status, UINT, .max = 255), FIELD(struct scenario_step, output, STR),
	FIELD(struct scenario_step, save, IDENT), FIELD(struct scenario_step, same, IDENT),
	FIELD(struct scenario_step, differs, IDENT), FIELD(struct scenario_step, apart, IDENT),
	FIELD(struct scenario_step, retry, BOOL), FIELD(struct scenario_step, show, BOOL), FIELD_END};
static const struct field visit_fields[] = {
	NAME, WITHIN, FIELD(struct scenario_step, command, STRS, .required = true), FIELD_END};
static const struct field console_fields[] = {
	NAME, WITHIN, FIELD_AS("shows", struct scenario_step, output, STR, .required = true), FIELD_END};
static const struct field off_fields[] = {NAME, WITHIN, FIELD(struct scenario_step, button, BOOL), FIELD_END};
static const struct field cut_fields[] = {NAME, WITHIN, FIELD(struct scenario_step, provision, STR),
	FIELD_AS("after", struct scenario_step, after_ms, MS), FIELD_AS("random", struct scenario_step, random_ms, MS),
	FIELD(struct scenario_step, times, UINT, .min = 1, .max = 100), FIELD_END};
static const struct field corrupt_fields[] = {
	NAME, FIELD(struct scenario_step, partition, STR, .required = true), FIELD_END};

/* A new kind of step: a line here, its fields above, its function in builder/vm/play.c. */
static const struct {
	const char *key;
	const struct field *fields;
	uint64_t within_ms;
} kinds[] = {
	[STEP_BOOT] = {"boot", plain_fields, 0},
	[STEP_FRESH] = {"fresh", plain_fields, 0},
	[STEP_READY] = {"ready", wait_fields, 1800000},
	[STEP_STATUS] = {"status", status_fields, 60000},
	[STEP_RUN] = {"run", run_fields, 60000},
	[STEP_CONSOLE] = {"console", console_fields, 120000},
	[STEP_REBOOT] = {"reboot", wait_fields, 300000},
	[STEP_OFF] = {"off", off_fields, 300000},
	[STEP_CUT] = {"cut", cut_fields, 600000},
	[STEP_CORRUPT] = {"corrupt", corrupt_fields, 0},
	[STEP_SCREENSHOT] = {"screenshot", plain_fields, 0},
	[STEP_VISIT] = {"visit", visit_fields, 120000},
};

const char *scenario_step_key(enum scenario_step_kind kind)
{
	return kinds[kind].key;
}

enum { REGEX_FLAGS = REG_EXTENDED | REG_NOSUB | REG_NEWLINE };

bool scenario_matches(const char *text, const char *pattern)
{
	_cleanup_free_ char *lines = xstrdup(text);
	size_t len = strlen(lines);
	regex_t re;

	while (len && lines[len - 1] == '\n')
		lines[--len] = 0;
	if (regcomp(&re, pattern, REGEX_FLAGS) != 0)
		return false; /* was checked when the scenario was read */
	bool yes = regexec(&re, lines, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

/* Patterns are compiled now, so that a bad one is an error of the file and not of the test run. */
static int check_regex(const struct ynode *step, const char *key, const char *pattern, struct err *err)
{
	regex_t re;
	char why[160];

	if (!pattern)
		return 0;
	int r = regcomp(&re, pattern, REGEX_FLAGS);
	if (r == 0) {
		regfree(&re);
		return 0;
	}
	regerror(r, &re, why, sizeof why);
	return ynode_err(step, err, "%s: not an extended regular expression: %s", key, why);
}

static bool is_saved(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->steps.n; i++)
		if (str_eq(s->steps.v[i].save, name))
			return true;
	return false;
}

/* What the tables cannot say. `s` holds the steps before this one. */
static int check_step(const struct scenario *s, const struct scenario_step *step, struct err *err)
{
	const struct ynode *key = step->self;
	const char *const names[][2] = {{"same", step->same}, {"differs", step->differs}, {"apart", step->apart}};

	if (check_regex(key, step->kind == STEP_CONSOLE ? "shows" : "output", step->output, err) < 0 ||
		check_regex(key, "is", step->is, err) < 0)
		return -1;
	if (kinds[step->kind].within_ms && !step->within_ms)
		return ynode_err(key, err, "within: no time at all");
	if ((step->kind == STEP_RUN || step->kind == STEP_VISIT) && step->command.n == 0)
		return ynode_err(key, err, "%s: the command is empty", kinds[step->kind].key);
	if (step->times && !step->random_ms)
		return ynode_err(key, err, "cut: `times` is for cuts at `random` moments");
	if (step->random_ms && (step->provision || step->after_ms))
		return ynode_err(key, err, "cut: `random` stands for itself, without `provision` and `after`");
	if (step->at && step->at[0] != '/')
		return ynode_err(key, err, "at: expected a path into the status such as /state, found '%s'", step->at);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i][1] && !is_saved(s, names[i][1]))
			return ynode_err(
				key, err, "%s: no step before this one saves \"%s\"", names[i][0], names[i][1]);
	return 0;
}

/* "YYYY-MM-DDTHH:MM:SS", as QEMU takes it. */
static int check_clock(const struct ynode *machine, const char *clock, struct err *err)
{
	struct tm t;
	const char *end = clock ? strptime(clock, "%Y-%m-%dT%H:%M:%S", &t) : "";

	if (end && !*end)
		return 0;
	return bind_expected(ynode_get(machine, "clock"), "clock", "a time such as 2000-01-01T00:00:00", err);
}

/* Labels of ext4, which are also names of files of ours. */
static int check_disks(const struct scenario *s, struct err *err)
{
	for (size_t i = 0; i < s->machine.disks.n; i++) {
		const struct ynode *label = s->machine.disks.v[i].key;
		uint64_t size;
		if (!bind_is_ident(label->text) || strlen(label->text) > 16)
			return ynode_err(label, err,
				"disks: expected a label of up to 16 small letters, digits and -, "
				"found '%s'",
				label->text);
		if (bind_size(s->machine.disks.v[i].value, label->text, &size, err) < 0)
			return -1;
		if (size < 1 << 20)
			return bind_expected(s->machine.disks.v[i].value, label->text, "a size of 1M or more", err);
	}
	return 0;
}

static const struct ynode *empty_map(struct arena *arena, const struct ynode *at)
{
	struct ynode *map = ARENA_NEW(arena, struct ynode);

	*map = (struct ynode){.kind = Y_MAP, .line = at->line, .column = at->column, .file = at->file};
	return map;
}

static int bind_step(struct arena *arena, const struct ynode *node, struct scenario_step *s, struct err *err)
{
	const char *keys[ARRAY_SIZE(kinds) + 1] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		keys[i] = kinds[i].key;
	if (node->kind != Y_MAP || node->n != 1)
		return ynode_err(node, err, "a step is one word and its details, like \"- ready: {within: 300s}\"");
	const struct ynode *key = node->pairs[0].key;
	size_t k = 0;
	while (keys[k] && strcmp(keys[k], key->text) != 0)
		k++;
	if (!keys[k]) {
		ynode_err(key, err, "unknown step \"%s\"", key->text);
		return bind_hint(err, key->text, keys);
	}
	s->self = key;
	s->kind = (enum scenario_step_kind)k;
	s->within_ms = kinds[k].within_ms;
	const struct ynode *details = node->pairs[0].value;
	if (ynode_is_null(details)) /* "- boot:" is "- boot: {}", and what is required is missing all the same */
		details = empty_map(arena, key);
	return bind_map(arena, details, kinds[k].fields, s, err);
}

static int bind_steps(struct arena *arena, const struct ynode *list, struct scenario *s, struct err *err)
{
	if (list->kind == Y_LIST && list->n == 0)
		return ynode_err(list, err, "steps: the list is empty");
	if (list->kind != Y_LIST)
		return bind_expected(list, "steps", "a list of steps", err);
	s->steps.v = arena_alloc(arena, list->n * sizeof *s->steps.v);
	for (size_t i = 0; i < list->n; i++, s->steps.n++)
		if (bind_step(arena, list->items[i], &s->steps.v[i], err) < 0 || check_step(s, &s->steps.v[i], err) < 0)
			return -1;
	return 0;
}

struct scenario *scenario_load(struct arena *arena, const char *path, const char *shown, struct err *err)
{
	const struct ynode *root = yaml_load(arena, path, shown, err);
	struct scenario_file f = {0};
	struct scenario *s = ARENA_NEW(arena, struct scenario);

	if (!root || bind_map(arena, root, file_fields, &f, err) < 0)
		return NULL;
	*s = (struct scenario){.name = f.name,
		.summary = f.summary,
		.file = arena_strdup(arena, path),
		.engines = f.engines,
		.profiles = f.profiles,
		.machine.nic = true};
	for (size_t i = 0; i < f.engines.n; i++) {
		const char *name = f.engines.v[i]->text;
		if (strcmp(name, engine_names[0]) == 0 || strcmp(name, engine_names[1]) == 0)
			continue;
		ynode_err(f.engines.v[i], err, "unknown engine \"%s\"", name);
		bind_hint(err, name, engine_names);
		return NULL;
	}
	if (f.machine && bind_map(arena, f.machine, machine_fields, s, err) < 0)
		return NULL;
	if (check_clock(f.machine, s->machine.clock, err) < 0 || check_disks(s, err) < 0)
		return NULL;
	return bind_steps(arena, f.steps, s, err) < 0 ? NULL : s;
}
