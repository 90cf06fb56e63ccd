/* The steps of a scenario: each does something to the machine or waits for something of it. */
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "vm/interrupt.h"
#include "vm/player.h"
#include <string.h>
#include <unistd.h>

/* FULL_MS: the breakdown follows the news of being ready; a report without it is the poorer, but no failure. */
enum { TICK_MS = 100, FULL_MS = 10000 };

static int step_boot(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)s;
	return play_boot(p, err);
}

static int step_fresh(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)s;
	return play_fresh(p, err);
}

/* RFC 6901, without the ~ escapes that no key of ours needs. */
static json_t *pointer(json_t *j, const char *at)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;

	str_split(&parts, at, "/");
	for (size_t i = 0; j && i < parts.n; i++) {
		uint64_t n;
		if (json_is_array(j))
			j = str_to_u64(parts.v[i], &n) ? json_array_get(j, n) : NULL;
		else
			j = json_object_get(j, parts.v[i]);
	}
	return j;
}

static char *as_text(const json_t *j)
{
	if (!j)
		return xstrdup("");
	return json_is_string(j) ? xstrdup(json_string_value(j)) : json_compact(j);
}

/* The services that are not healthy, with the agent's own words. */
static void add_reasons(struct play *p)
{
	size_t i;
	json_t *w;

	if (!p->status) {
		strbuf_adds(&p->why, "\nthe machine reported nothing");
		return;
	}
	_cleanup_free_ char *state = as_text(json_object_get(p->status, "state"));
	strbuf_addf(&p->why, "\nits state is %s", state);
	json_array_foreach(json_object_get(p->status, "problems"), i, w)
	{
		_cleanup_free_ char *what = as_text(json_object_get(w, "what")),
				    *why = as_text(json_object_get(w, "why"));
		strbuf_addf(&p->why, "\n%s: %s", what, why);
	}
}

static void add_console_tail(struct play *p)
{
	const char *text = strbuf_cstr(&p->console), *q = text + p->console.len;
	unsigned lines = 0;

	while (q > text && lines <= 15)
		lines += *--q == '\n';
	strbuf_addf(&p->why, "\nlast on the console:\n%s", q);
}

static int step_ready(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)err;
	if (play_wait(p, s->within_ms, play_is_ready, s) == 0) {
		for (uint64_t end = vm_ms() + FULL_MS; !p->full && vm_ms() < end && !interrupt_came(); play_listen(p))
			usleep(TICK_MS * 1000);
		return 0;
	}
	add_reasons(p);
	add_console_tail(p);
	return 1;
}

/* Where a step's pointer leads: in the newest status, or, for what only full ones have, in the newest of those. */
static char *status_text(const struct play *p, const char *at)
{
	json_t *j = pointer(p->status, at);

	if (!j)
		j = pointer(p->full, at);
	return p->status ? as_text(j) : xstrdup("(nothing was reported)");
}

static bool status_is(struct play *p, const struct scenario_step *s)
{
	_cleanup_free_ char *text = p->status ? status_text(p, s->at) : NULL;

	return text && scenario_matches(text, s->is);
}

static int step_status(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)err;
	if (play_wait(p, s->within_ms, status_is, s) == 0)
		return 0;
	_cleanup_free_ char *text = status_text(p, s->at);
	strbuf_addf(&p->why, "\n%s is %s, expected %s", s->at, text, s->is);
	return 1;
}

static bool console_shows(struct play *p, const struct scenario_step *s)
{
	return scenario_matches(strbuf_cstr(&p->console), s->output);
}

static int step_console(struct play *p, const struct scenario_step *s, struct err *err)
{
	uint64_t end = vm_ms() + s->within_ms;
	enum vm_end e = VM_RUNNING;

	(void)err;
	/* A machine that stops with the reason on its console has shown it all the same. */
	while (!console_shows(p, s) && vm_ms() < end && !interrupt_came()) {
		e = p->g.engine->look(&p->g);
		play_listen(p);
		if (e != VM_RUNNING)
			break;
		usleep(TICK_MS * 1000);
	}
	if (console_shows(p, s))
		return 0;
	strbuf_addf(&p->why, "the console does not show %s", s->output);
	if (e == VM_GONE) {
		strbuf_adds(&p->why, ", and ");
		play_add_end(p, e);
	}
	add_console_tail(p);
	return 1;
}

/* The output against what was saved under the name; `want` says whether they must be the same. */
static bool compare(struct play *p, const char *name, const char *output, bool want)
{
	const char *old = json_string_value(json_object_get(p->saved, name));

	if (!old) {
		strbuf_addf(&p->why, "nothing was saved as \"%s\"", name);
		return false;
	}
	if ((strcmp(old, output) == 0) == want)
		return true;
	strbuf_addf(&p->why, "%s \"%s\"", want ? "differs from" : "is the same as", name);
	return false;
}

/* No line of the output is among those saved under the name. */
static bool is_apart(struct play *p, const char *name, const char *output)
{
	_cleanup_strvec_ struct strvec old = STRVEC_INIT, lines = STRVEC_INIT;
	const char *text = json_string_value(json_object_get(p->saved, name));

	str_split(&old, text ? text : "", "\n");
	str_split(&lines, output, "\n");
	if (!old.n || !lines.n) {
		strbuf_addf(&p->why, "%s has no line", old.n ? "the output" : name);
		return false;
	}
	for (size_t i = 0; i < lines.n; i++) {
		if (!strvec_has(&old, lines.v[i]))
			continue;
		strbuf_addf(&p->why, "has a line in common with \"%s\": %s", name, lines.v[i]);
		return false;
	}
	return true;
}

/* One try. 0 holds, 1 does not, -1 the test itself failed. */
static int run_once(struct play *p, const struct scenario_step *s, uint64_t left_ms, struct err *err)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int status = -1;

	if (s->in)
		strvec_addl(&v, "podman", "exec", s->in, NULL);
	for (size_t i = 0; i < s->command.n; i++)
		strvec_add(&v, s->command.v[i]->text);
	if (p->g.engine->exec(&p->g, (const char *const *)v.v, left_ms, &out, &status, err) < 0) {
		strbuf_adds(&p->why, err->msg);
		err_release(err);
		return 1;
	}
	const char *text = strbuf_cstr(&out);
	if (status != (int)s->status) {
		strbuf_addf(&p->why, "ended with status %d, expected %llu\n%s", status, (unsigned long long)s->status,
			text);
		return 1;
	}
	if (s->output && !scenario_matches(text, s->output)) {
		strbuf_addf(&p->why, "its output does not match %s\n%s", s->output, text);
		return 1;
	}
	if ((s->same && !compare(p, s->same, text, true)) || (s->differs && !compare(p, s->differs, text, false)) ||
		(s->apart && !is_apart(p, s->apart, text)))
		return 1;
	if (s->save)
		json_object_set_new(p->saved, s->save, json_string(text));
	if (s->show)
		strbuf_adds(&p->said, text);
	return 0;
}

static int step_run(struct play *p, const struct scenario_step *s, struct err *err)
{
	uint64_t end = vm_ms() + s->within_ms;

	for (;;) {
		uint64_t t = vm_ms();
		strbuf_reset(&p->why);
		play_listen(p);
		int r = run_once(p, s, t < end ? end - t : 1, err);
		if (r <= 0 || !s->retry || vm_ms() + 1000 >= end || interrupt_came())
			return r;
		usleep(1000000);
	}
}

static bool ended(struct play *p, const struct scenario_step *s)
{
	(void)s;
	enum vm_end e = p->g.engine->look(&p->g);
	return e == VM_OFF || e == VM_REBOOT;
}

static int step_off(struct play *p, const struct scenario_step *s, struct err *err)
{
	if (s->button && p->g.engine->button(&p->g, err) < 0)
		return -1;
	int r = play_wait(p, s->within_ms, ended, s);
	play_end_of_boot(p);
	return r;
}

/* An orderly restart, started by the machine itself, as an administrator would. */
static int step_reboot(struct play *p, const struct scenario_step *s, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_err_ struct err ignored = ERR_INIT; /* the connection ends with the machine */
	int status;
	const char *const argv[] = {"systemctl", "reboot", NULL};

	(void)p->g.engine->exec(&p->g, argv, s->within_ms, &out, &status, &ignored);
	int r = play_wait(p, s->within_ms, ended, s);
	play_end_of_boot(p);
	return r ? r : play_boot(p, err);
}

static int step_corrupt(struct play *p, const struct scenario_step *s, struct err *err)
{
	return p->g.engine->corrupt(&p->g, s->partition, err);
}

static int step_screenshot(struct play *p, const struct scenario_step *s, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("%s-%u.png", p->s->name, ++p->shots);
	_cleanup_free_ char *path = path_join(p->g.spec.report, name);

	(void)s;
	if (p->g.engine->screenshot(&p->g, path, err) < 0)
		return -1;
	strvec_add(&p->v->screenshots, name);
	return 0;
}

int (*const play_steps[])(struct play *p, const struct scenario_step *s, struct err *err) = {
	[STEP_BOOT] = step_boot,
	[STEP_FRESH] = step_fresh,
	[STEP_READY] = step_ready,
	[STEP_STATUS] = step_status,
	[STEP_RUN] = step_run,
	[STEP_CONSOLE] = step_console,
	[STEP_REBOOT] = step_reboot,
	[STEP_OFF] = step_off,
	[STEP_CUT] = step_cut,
	[STEP_CORRUPT] = step_corrupt,
	[STEP_SCREENSHOT] = step_screenshot,
	[STEP_VISIT] = step_visit,
};
