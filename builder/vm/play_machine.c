/* The machine under test, switched on and waited for. */
#include "base/json.h"
#include "base/mem.h"
#include "vm/interrupt.h"
#include "vm/player.h"
#include <unistd.h>

enum { TICK_MS = 100 };

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

void play_add_end(struct play *p, enum vm_end end)
{
	strbuf_addf(&p->why, "the machine %s", end_name(end));
	if (end == VM_GONE)
		strbuf_addf(&p->why, ": %s", p->g.said ? p->g.said : "what ran it has ended");
}

int play_boot(struct play *p, struct err *err)
{
	play_end_of_boot(p); /* one that no step waited for the end of: its status is not the new one's */
	strbuf_reset(&p->console);
	p->power_on_ms = vm_ms();
	return p->g.engine->start(&p->g, err);
}

int play_fresh(struct play *p, struct err *err)
{
	p->g.engine->cut(&p->g);
	play_end_of_boot(p);
	return p->g.engine->fresh(&p->g, err);
}

bool play_is_ready(struct play *p, const struct scenario_step *s)
{
	(void)s;
	return str_eq(json_string_value(json_object_get(p->status, "state")), "ready");
}

int play_wait(struct play *p, uint64_t within_ms, bool (*fn)(struct play *, const struct scenario_step *),
	const struct scenario_step *s)
{
	uint64_t end = vm_ms() + within_ms;

	for (;;) {
		enum vm_end e = p->g.engine->look(&p->g);
		play_listen(p);
		if (fn(p, s))
			return 0;
		if (e != VM_RUNNING) {
			play_add_end(p, e);
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
