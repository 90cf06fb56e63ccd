/* What the machine under test says: its report, its console. */
#include "base/json.h"
#include "base/mem.h"
#include "vm/player.h"
#include <string.h>

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

/* A graph may be over when its status is looked at next: what counts is that it was seen. */
static void note_provisions(struct play *p, const json_t *status)
{
	size_t i;
	json_t *graph;

	json_array_foreach(json_object_get(status, "provision"), i, graph)
	{
		const char *id = json_string_value(json_object_get(graph, "id"));
		if (id && str_eq(json_string_value(json_object_get(graph, "state")), "running"))
			json_object_set_new(p->ran, id, json_true());
	}
}

void play_listen(struct play *p)
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
		note_provisions(p, j);
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

void play_end_of_boot(struct play *p)
{
	play_listen(p);
	json_t *boot = json_object_get(p->full, "boot");
	if (p->before_ms && json_object_get(boot, "kernel_ms") && !json_object_get(boot, "firmware_ms"))
		json_object_set_new(boot, "before_kernel_ms", json_integer((json_int_t)p->before_ms));
	if (p->status)
		verdict_add_boot(p->v, p->full ? p->full : p->status);
	p->power_on_ms = p->before_ms = 0;
	json_decref(p->status);
	json_decref(p->full);
	json_object_clear(p->ran);
	p->status = p->full = NULL;
}
