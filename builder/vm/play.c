#include "vm/play.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "vm/interrupt.h"
#include <regex.h>
#include <string.h>
#include <unistd.h>

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
	unsigned shots;
	struct strbuf why; /* of the step that fails */
};

/* FULL_MS: the breakdown follows the news of being ready; a report without it is the poorer, but no failure. */
enum { TICK_MS = 100, FULL_MS = 10000 };

/* What a pattern is looked for in: without colours, and of a machine that never stops talking the newest part. */
static void add_line(struct strbuf *b, const char *line)
{
	if (b->len > VERDICT_CONSOLE_MAX) {
		_cleanup_free_ char *rest = xstrdup(b->s + b->len / 2);
		strbuf_reset(b);
		strbuf_adds(b, rest);
	}
	strbuf_add_plain(b, line);
	strbuf_addc(b, '\n');
}

/*
 * A virtual firmware seldom tells the kernel how long it took; what lies between our clock since power-on and the
 * kernel's is that, and a report's way to us. The quickest report is nearest to it.
 */
static void note_before_kernel(struct play *p, const json_t *status)
{
	uint64_t up = (uint64_t)json_integer_value(json_object_get(status, "uptime_ms"));
	uint64_t since = vm_ms() - p->power_on_ms;
	if (p->power_on_ms && up && since > up && (!p->before_ms || since - up < p->before_ms))
		p->before_ms = since - up;
}

/* Take in what the machine said since the last look. */
static void listen_to(struct play *p)
{
	const char *line;

	while ((line = p->g.engine->report_line(&p->g))) {
		_cleanup_err_ struct err ignored = ERR_INIT; /* a line cut by a power cut */
		json_t *j = json_parse(line, strlen(line), "report", &ignored);
		if (!json_is_object(j)) {
			json_decref(j);
			continue;
		}
		note_before_kernel(p, j);
		json_decref(p->status);
		p->status = j;
		/* The one at the end shows a machine whose services were just stopped: only for want of a better. */
		bool last = str_eq(json_string_value(json_object_get(j, "type")), "end");
		if (json_object_get(j, "storage") && !(last && p->full)) {
			json_decref(p->full);
			p->full = json_incref(j);
		}
	}
	while ((line = p->g.engine->console_line(&p->g))) {
		verdict_add_console(p->v, line);
		add_line(&p->console, line);
	}
}

static void end_of_boot(struct play *p)
{
	listen_to(p);
	json_t *boot = json_object_get(p->full, "boot");
	if (p->before_ms && json_object_get(boot, "kernel_ms") && !json_object_get(boot, "firmware_ms"))
		json_object_set_new(boot, "before_kernel_ms", json_integer((json_int_t)p->before_ms));
	if (p->status)
		verdict_add_boot(p->v, p->full ? p->full : p->status);
	p->power_on_ms = p->before_ms = 0;
	json_decref(p->status);
	json_decref(p->full);
	p->status = p->full = NULL;
}

static const char *end_name(enum vm_end end)
{
	switch (end) {
	case VM_RUNNING:
		return "is running";
	case VM_OFF:
		return "switched itself off";
	case VM_REBOOT:
		return "rebooted";
	case VM_PANIC:
		return "panicked";
	case VM_GONE:
		return "is gone";
	}
	return "?";
}

static void add_end(struct play *p, enum vm_end end)
{
	strbuf_addf(&p->why, "the machine %s", end_name(end));
	if (end == VM_GONE)
		strbuf_addf(&p->why, ": %s", p->g.said ? p->g.said : "what ran it has ended");
}

static int step_boot(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)s;
	end_of_boot(p); /* one that no step waited for the end of: its status is not the new one's */
	strbuf_reset(&p->console);
	p->power_on_ms = vm_ms();
	return p->g.engine->start(&p->g, err);
}

static int step_fresh(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)s;
	p->g.engine->cut(&p->g);
	end_of_boot(p);
	return p->g.engine->fresh(&p->g, err);
}

static bool matches(const char *text, const char *pattern)
{
	regex_t re;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
		return false; /* was checked when the scenario was read */
	bool yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
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

/* Wait until fn holds. 0 held, 1 not within the time or the machine ended; p->why says it. */
static int wait_for(struct play *p, uint64_t within_ms, bool (*fn)(struct play *, const struct scenario_step *),
	const struct scenario_step *s)
{
	uint64_t end = vm_ms() + within_ms;

	for (;;) {
		enum vm_end e = p->g.engine->look(&p->g);
		listen_to(p);
		if (fn(p, s))
			return 0;
		if (e != VM_RUNNING) {
			add_end(p, e);
			return 1;
		}
		if (interrupt_came()) {
			strbuf_adds(&p->why, "interrupted");
			return 1;
		}
		if (vm_ms() >= end) {
			strbuf_addf(&p->why, "not within %.0f s", (double)within_ms / 1000);
			return 1;
		}
		usleep(TICK_MS * 1000);
	}
}

static bool is_ready(struct play *p, const struct scenario_step *s)
{
	(void)s;
	return str_eq(json_string_value(json_object_get(p->status, "state")), "ready");
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
	if (wait_for(p, s->within_ms, is_ready, s) == 0) {
		for (uint64_t end = vm_ms() + FULL_MS; !p->full && vm_ms() < end && !interrupt_came(); listen_to(p))
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

	return text && matches(text, s->is);
}

static int step_status(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)err;
	if (wait_for(p, s->within_ms, status_is, s) == 0)
		return 0;
	_cleanup_free_ char *text = status_text(p, s->at);
	strbuf_addf(&p->why, "\n%s is %s, expected %s", s->at, text, s->is);
	return 1;
}

static bool console_shows(struct play *p, const struct scenario_step *s)
{
	return matches(strbuf_cstr(&p->console), s->output);
}

static int step_console(struct play *p, const struct scenario_step *s, struct err *err)
{
	uint64_t end = vm_ms() + s->within_ms;
	enum vm_end e = VM_RUNNING;

	(void)err;
	/* A machine that stops with the reason on its console has shown it all the same. */
	while (!console_shows(p, s) && vm_ms() < end && !interrupt_came()) {
		e = p->g.engine->look(&p->g);
		listen_to(p);
		if (e != VM_RUNNING)
			break;
		usleep(TICK_MS * 1000);
	}
	if (console_shows(p, s))
		return 0;
	strbuf_addf(&p->why, "the console does not show %s", s->output);
	if (e == VM_GONE) {
		strbuf_adds(&p->why, ", and ");
		add_end(p, e);
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
	if (s->output && !matches(text, s->output)) {
		strbuf_addf(&p->why, "its output does not match %s\n%s", s->output, text);
		return 1;
	}
	if ((s->same && !compare(p, s->same, text, true)) || (s->differs && !compare(p, s->differs, text, false)))
		return 1;
	if (s->save)
		json_object_set_new(p->saved, s->save, json_string(text));
	return 0;
}

static int step_run(struct play *p, const struct scenario_step *s, struct err *err)
{
	uint64_t end = vm_ms() + s->within_ms;

	for (;;) {
		uint64_t t = vm_ms();
		strbuf_reset(&p->why);
		listen_to(p);
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
	int r = wait_for(p, s->within_ms, ended, s);
	end_of_boot(p);
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
	int r = wait_for(p, s->within_ms, ended, s);
	end_of_boot(p);
	return r ? r : step_boot(p, s, err);
}

static bool provision_runs(struct play *p, const struct scenario_step *s)
{
	size_t i;
	json_t *g;

	json_array_foreach(json_object_get(p->status, "provision"), i, g)
	{
		if (str_eq(json_string_value(json_object_get(g, "id")), s->provision) &&
			str_eq(json_string_value(json_object_get(g, "state")), "running"))
			return true;
	}
	return false;
}

static int step_cut(struct play *p, const struct scenario_step *s, struct err *err)
{
	(void)err;
	int r = s->provision ? wait_for(p, s->within_ms, provision_runs, s) : 0;
	for (uint64_t end = vm_ms() + s->after_ms; r == 0 && vm_ms() < end && !interrupt_came();) {
		listen_to(p);
		usleep(1000 * (useconds_t)(end - vm_ms() < TICK_MS ? 1 : TICK_MS));
	}
	p->g.engine->cut(&p->g);
	end_of_boot(p);
	return r;
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

static int (*const players[])(struct play *, const struct scenario_step *, struct err *) = {
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
};

static char *step_title(const struct scenario_step *s)
{
	if (s->name)
		return xstrdup(s->name);
	const char *key = scenario_step_key(s->kind);
	switch (s->kind) {
	case STEP_STATUS:
		return xasprintf("%s %s is %s", key, s->at, s->is);
	case STEP_RUN:
		return xasprintf("%s %s%s%s", key, s->command.v[0]->text, s->in ? " in " : "", s->in ? s->in : "");
	case STEP_CONSOLE:
		return xasprintf("%s shows %s", key, s->output);
	case STEP_CUT:
		return xasprintf(
			"power cut%s%s", s->provision ? " during provision of " : "", s->provision ? s->provision : "");
	case STEP_CORRUPT:
		return xasprintf("%s %s", key, s->partition);
	case STEP_BOOT:
	case STEP_FRESH:
	case STEP_READY:
	case STEP_REBOOT:
	case STEP_OFF:
	case STEP_SCREENSHOT:
		break;
	}
	return xstrdup(key);
}

/* What this engine has no way to do; NULL: it can. */
static const char *cannot(const struct guest_engine *e, const struct scenario_step *s)
{
	if (s->kind == STEP_SCREENSHOT && !e->screenshot)
		return "this engine has no screen";
	if (s->kind == STEP_CORRUPT && !e->corrupt)
		return "this engine has no partitions";
	return NULL;
}

static int play_step(struct play *p, const struct scenario_step *s, struct err *err)
{
	_cleanup_free_ char *title = step_title(s);
	const char *no = cannot(p->g.engine, s);
	uint64_t begun = vm_ms();

	if (no) {
		verdict_add_step(p->v, title, VERDICT_SKIPPED, 0, no);
		return 0;
	}
	strbuf_reset(&p->why);
	struct progress_step *ps = progress_begin(p->g.engine->name, title, 0, PROGRESS_COUNT);
	int r = players[s->kind](p, s, err);
	progress_end(ps, r == 0);
	double seconds = (double)(vm_ms() - begun) / 1000;
	if (r < 0 &&
		err->kind == ERR_TEST) { /* "the machine is not running": the appliance's failure, not the test's */
		strbuf_adds(&p->why, err->msg);
		err_release(err);
		r = 1;
	}
	if (r < 0) {
		err_wrap(err, "%s:%u: %s", p->s->file, s->self->line, title);
		verdict_add_step(p->v, title, VERDICT_FAILED, seconds, err->msg);
		return -1;
	}
	verdict_add_step(p->v, title, r ? VERDICT_FAILED : VERDICT_PASSED, seconds, r ? strbuf_cstr(&p->why) : NULL);
	return r;
}

int play_scenario(const struct scenario *s, const struct guest_engine *e, const struct guest_spec *spec,
	struct verdict *v, struct err *err)
{
	struct play p = {.s = s, .v = v, .saved = json_object()};
	uint64_t begun = vm_ms();
	interrupt_catch();
	int r = guest_create(&p.g, e, spec, err);
	if (r < 0)
		verdict_add_step(v, "make the machine", VERDICT_FAILED, 0, err->msg);

	for (size_t i = 0; r == 0 && i < s->steps.n; i++)
		r = play_step(&p, &s->steps.v[i], err);
	if (interrupt_came()) {
		verdict_add_step(v, "interrupted", VERDICT_FAILED, 0, NULL);
		r = interrupt_error(err);
	}
	if (p.g.own)
		end_of_boot(&p);
	json_decref(p.status);
	json_decref(p.full);
	guest_release(&p.g);
	v->seconds = (double)(vm_ms() - begun) / 1000;
	json_decref(p.saved);
	strbuf_release(&p.console);
	strbuf_release(&p.why);
	return r < 0 ? -1 : 0;
}
