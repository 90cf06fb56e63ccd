/* The player: a scenario's steps one after another, each with its outcome. */
#include "base/mem.h"
#include "base/progress.h"
#include "vm/interrupt.h"
#include "vm/player.h"

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
	case STEP_VISIT:
		return xasprintf("%s %s", key, s->command.v[0]->text);
	case STEP_CONSOLE:
		return xasprintf("%s shows %s", key, s->output);
	case STEP_CUT:
		if (s->random_ms)
			return s->times > 1 ? xasprintf("power cut at %u random moments", (unsigned)s->times)
					    : xstrdup("power cut at a random moment");
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
	strbuf_reset(&p->said);
	struct progress_step *ps = progress_begin(p->g.engine->name, title, 0, PROGRESS_COUNT);
	int r = play_steps[s->kind](p, s, err);
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
	const char *detail = r ? strbuf_cstr(&p->why) : p->said.len ? strbuf_cstr(&p->said) : NULL;
	verdict_add_step(p->v, title, r ? VERDICT_FAILED : VERDICT_PASSED, seconds, detail);
	return r;
}

int play_scenario(const struct scenario *s, const struct guest_engine *e, const struct guest_spec *spec,
	struct verdict *v, struct err *err)
{
	struct play p = {.s = s,
		.v = v,
		.saved = json_object(),
		.ran = json_object(),
		.random = {(unsigned short)(spec->seed >> 32), (unsigned short)(spec->seed >> 16),
			(unsigned short)spec->seed}};
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
		play_end_of_boot(&p);
	if (v->outcome == VERDICT_FAILED && p.g.own && e->fault)
		v->fault = e->fault(&p.g, strbuf_cstr(&v->console));
	json_decref(p.status);
	json_decref(p.full);
	guest_release(&p.g);
	v->seconds = (double)(vm_ms() - begun) / 1000;
	json_decref(p.saved);
	json_decref(p.ran);
	strbuf_release(&p.console);
	strbuf_release(&p.why);
	strbuf_release(&p.said);
	return r < 0 ? -1 : 0;
}
