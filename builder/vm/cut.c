/* The plug is pulled: at once, after a time, as soon as a provision graph runs, or at moments that nobody chose. */
#include "base/mem.h"
#include "vm/interrupt.h"
#include "vm/player.h"
#include <stdlib.h>
#include <unistd.h>

enum { TICK_MS = 100 };

static bool provision_runs(struct play *p, const struct scenario_step *s)
{
	return json_object_get(p->ran, s->provision);
}

static void pull(struct play *p)
{
	p->g.engine->cut(&p->g);
	play_end_of_boot(p);
}

/* What the machine was at when the plug was pulled, as far as it had told. */
static void add_progress(struct strbuf *b, const json_t *status)
{
	size_t healthy = 0, done = 0, i;
	json_t *services = json_object_get(status, "services"), *graphs = json_object_get(status, "provision"), *j;

	if (!status) {
		strbuf_adds(b, "nothing was reported yet");
		return;
	}
	json_array_foreach(services, i, j) healthy +=
		str_eq(json_string_value(json_object_get(j, "health")), "healthy");
	json_array_foreach(graphs, i, j) done += str_eq(json_string_value(json_object_get(j, "state")), "done");
	strbuf_addf(b, "%zu of %zu services healthy, %zu of %zu provisioned", healthy, json_array_size(services), done,
		json_array_size(graphs));
	json_array_foreach(graphs, i, j)
	{
		const char *id = json_string_value(json_object_get(j, "id"));
		if (id && str_eq(json_string_value(json_object_get(j, "state")), "running"))
			strbuf_addf(b, ", at %s", id);
	}
}

enum moment { MOMENT_CAME, MOMENT_ENDED, MOMENT_READY };

/* The machine runs until the moment, unless it ends or becomes ready before. */
static enum moment wait_moment(struct play *p, const struct scenario_step *s, uint64_t at)
{
	for (uint64_t now; (now = vm_ms()) < at && !interrupt_came();) {
		enum vm_end e = p->g.engine->look(&p->g);
		play_listen(p);
		if (e != VM_RUNNING) {
			play_add_end(p, e);
			return MOMENT_ENDED;
		}
		if (play_is_ready(p, s))
			return MOMENT_READY;
		usleep((useconds_t)(at - now < TICK_MS ? at - now : TICK_MS) * 1000);
	}
	return MOMENT_CAME;
}

/*
 * One cut of a first boot. When the machine is ready before the moment, there is none left to cut in: a new machine
 * takes its place, and `limit`, within which moments are, is the time that this one took.
 */
static int one_cut(struct play *p, const struct scenario_step *s, uint64_t *limit, struct err *err)
{
	for (;;) {
		const uint64_t begun = vm_ms(), after = (uint64_t)(erand48(p->random) * (double)*limit);
		const enum moment m = wait_moment(p, s, begun + after);
		const uint64_t took = vm_ms() - begun;
		if (m == MOMENT_ENDED)
			return 1;
		strbuf_addf(&p->said, "after %.1f s, ", (double)took / 1000);
		if (m == MOMENT_CAME)
			break;
		strbuf_adds(&p->said, "ready, so a new one; ");
		*limit = took < *limit ? took : *limit;
		if (play_fresh(p, err) < 0 || play_boot(p, err) < 0)
			return -1;
	}
	add_progress(&p->said, p->status);
	pull(p);
	return 0;
}

static int at_random(struct play *p, const struct scenario_step *s, struct err *err)
{
	const unsigned times = s->times ? (unsigned)s->times : 1;
	uint64_t limit = s->random_ms;

	strbuf_addf(&p->said, "seed %llu", (unsigned long long)p->g.spec.seed);
	for (unsigned i = 1; i <= times && !interrupt_came(); i++) {
		strbuf_addf(&p->said, "\n%u: ", i);
		int r = i > 1 ? play_boot(p, err) : 0;
		if (r == 0)
			r = one_cut(p, s, &limit, err);
		if (r == 0)
			continue;
		strbuf_addf(&p->why, "\nbefore cut %u of %u\n%s", i, times, strbuf_cstr(&p->said));
		return r;
	}
	return 0;
}

int step_cut(struct play *p, const struct scenario_step *s, struct err *err)
{
	if (s->random_ms)
		return at_random(p, s, err);
	int r = s->provision ? play_wait(p, s->within_ms, provision_runs, s) : 0;
	for (uint64_t end = vm_ms() + s->after_ms; r == 0 && vm_ms() < end && !interrupt_came();) {
		play_listen(p);
		usleep(1000 * (useconds_t)(end - vm_ms() < TICK_MS ? 1 : TICK_MS));
	}
	pull(p);
	return r;
}
