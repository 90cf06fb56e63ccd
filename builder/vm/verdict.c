#include "vm/verdict.h"
#include "base/json.h"
#include "base/mem.h"
#include "vm/breakdown.h"
#include <string.h>

static char *plain(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_plain(&b, s);
	return strbuf_steal(&b);
}

struct verdict *verdicts_add(
	struct verdicts *vs, const char *profile, const char *scenario, const char *summary, const char *engine)
{
	if (vs->n == vs->cap) {
		vs->cap = vs->cap ? vs->cap * 2 : 8;
		vs->v = xreallocarray(vs->v, vs->cap, sizeof *vs->v);
	}
	struct verdict *v = &vs->v[vs->n++];
	*v = (struct verdict){.scenario = plain(scenario),
		.summary = plain(summary),
		.engine = xstrdup(engine),
		.profile = plain(profile),
		.boots = json_array()};
	return v;
}

void verdict_add_step(struct verdict *v, const char *name, enum verdict_outcome o, double seconds, const char *detail)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 16;
		v->steps = xreallocarray(v->steps, v->cap, sizeof *v->steps);
	}
	v->steps[v->n++] = (struct verdict_step){
		.name = plain(name), .outcome = o, .seconds = seconds, .detail = detail ? plain(detail) : NULL};
	if (o == VERDICT_FAILED)
		v->outcome = VERDICT_FAILED;
}

/* All texts in it made plain; keys stay, and are never shown. */
static json_t *plain_json(const json_t *j)
{
	const char *key;
	json_t *v, *copy;
	size_t i;

	if (json_is_string(j)) {
		_cleanup_free_ char *s = plain(json_string_value(j));
		return json_string(s);
	}
	if (json_is_object(j)) {
		copy = json_object();
		json_object_foreach((json_t *)j, key, v) json_object_set_new(copy, key, plain_json(v));
		return copy;
	}
	if (!json_is_array(j))
		return json_deep_copy(j);
	copy = json_array();
	json_array_foreach((json_t *)j, i, v) json_array_append_new(copy, plain_json(v));
	return copy;
}

void verdict_add_boot(struct verdict *v, const json_t *status)
{
	json_array_append_new(v->boots, plain_json(status));
}

void verdict_add_console(struct verdict *v, const char *line)
{
	struct strbuf *c = &v->console;

	if (c->len > VERDICT_CONSOLE_MAX) {
		static const char cut[] = "[... kiln left out what came before ...]\n";
		const char *half = c->s + c->len / 2, *nl = memchr(half, '\n', c->len / 2);
		_cleanup_free_ char *rest = xstrdup(nl ? nl + 1 : half);
		strbuf_reset(c);
		strbuf_adds(c, cut);
		strbuf_adds(c, rest);
	}
	strbuf_add_plain(c, line);
	strbuf_addc(c, '\n');
}

static void release_seen(struct verdict *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->steps[i].name);
		free(v->steps[i].detail);
	}
	free(v->steps);
	json_decref(v->boots);
	strbuf_release(&v->console);
	strvec_release(&v->screenshots);
}

void verdict_begin_again(struct verdict *v)
{
	const char *why = v->fault;

	release_seen(v);
	*v = (struct verdict){.scenario = v->scenario,
		.summary = v->summary,
		.engine = v->engine,
		.profile = v->profile,
		.boots = json_array()};
	verdict_add_step(v, "played again", VERDICT_PASSED, 0, why);
}

static void release_one(struct verdict *v)
{
	release_seen(v);
	free(v->scenario);
	free(v->summary);
	free(v->engine);
	free(v->profile);
	free(v->detail);
}

void verdicts_release(struct verdicts *vs)
{
	for (size_t i = 0; i < vs->n; i++)
		release_one(&vs->v[i]);
	free(vs->v);
	*vs = (struct verdicts){0};
}

void verdicts_count(const struct verdicts *vs, size_t counts[3])
{
	memset(counts, 0, 3 * sizeof *counts);
	for (size_t i = 0; i < vs->n; i++)
		counts[vs->v[i].outcome]++;
}

static const char *const words[] = {"passed", "FAILED", "skipped"};

void verdict_print(FILE *f, const struct verdict *v)
{
	fprintf(f, "%s on %s, %s: %s, %.1f s%s%s\n", v->scenario, v->profile, v->engine, words[v->outcome], v->seconds,
		v->detail ? ": " : "", v->detail ? v->detail : "");
	for (size_t i = 0; i < v->n; i++) {
		const struct verdict_step *s = &v->steps[i];
		fprintf(f, "  %-8s %7.1f s  %s\n", words[s->outcome], s->seconds, s->name);
		for (const char *p = s->detail; p && *p;) {
			size_t n = strcspn(p, "\n");
			fprintf(f, "      | %.*s\n", (int)n, p);
			p += n + (p[n] == '\n');
		}
	}
}

/* One line for the boot, one for the slowest provision steps: the page has them all. */
static void print_breakdown(FILE *f, const json_t *boot)
{
	enum { SLOWEST = 5 };
	const struct span *slow[SLOWEST + 1] = {0};
	struct breakdown d;
	const char *sep = ": ";

	breakdown_of(boot, &d);
	fprintf(f, "%s after %.1f s", d.ready ? "ready" : "not ready", d.total_ms / 1000);
	for (size_t i = 0; i < d.n; i++) {
		const struct span *s = &d.v[i];
		if (s->kind == SPAN_BOOT) {
			fprintf(f, "%s%s %.1f", sep, s->name, (s->to_ms - s->from_ms) / 1000);
			sep = ", ";
		}
		if (s->kind != SPAN_STEP || s->to_ms - s->from_ms < 100)
			continue;
		size_t k = SLOWEST; /* insertion; what falls off the end was faster */
		for (slow[k] = s;
			k && (!slow[k - 1] || slow[k - 1]->to_ms - slow[k - 1]->from_ms < s->to_ms - s->from_ms); k--) {
			slow[k] = slow[k - 1];
			slow[k - 1] = s;
		}
	}
	fputc('\n', f);
	for (size_t k = 0; k < SLOWEST && slow[k]; k++)
		fprintf(f, "%s%s/%s %.1f (at %.1f)", k ? ", " : "slowest provision steps: ", slow[k]->of, slow[k]->name,
			(slow[k]->to_ms - slow[k]->from_ms) / 1000, slow[k]->from_ms / 1000);
	if (slow[0])
		fputc('\n', f);
	breakdown_release(&d);
}

void verdict_print_services(FILE *f, const struct verdict *v)
{
	json_t *boot = json_array_get(v->boots, json_array_size(v->boots) ? json_array_size(v->boots) - 1 : 0);
	json_t *services = json_object_get(boot, "services"), *s, *c;
	size_t i, k;

	uint64_t all = 0;

	if (!json_array_size(services))
		return;
	fprintf(f, "\n%-14s %-16s %-10s %9s  %s\n", "LAYER", "SERVICE", "HEALTH", "MEMORY",
		"CONTAINERS (seconds to healthy)");
	json_array_foreach(services, i, s)
	{
		if (!json_array_size(json_object_get(s, "containers")))
			continue;
		uint64_t used = breakdown_memory(s, "used");
		all += used;
		fprintf(f, "%-14s %-16s %-10s %9s ", json_text(s, "layer"), json_text(s, "name"),
			json_text(s, "health"), used ? str_bytes(used) : "");
		json_array_foreach(json_object_get(s, "containers"), k, c)
		{
			double from = json_number_value(json_object_get(c, "started_ms"));
			double to = json_number_value(json_object_get(c, "healthy_ms"));
			fprintf(f, " %s", json_text(c, "name"));
			if (to > from)
				fprintf(f, " (%.1f)", (to - from) / 1000);
		}
		fputc('\n', f);
	}
	if (all)
		fprintf(f, "%s in memory, of all services\n", str_bytes(all));
	print_breakdown(f, boot);
}

static json_t *step_json(const struct verdict_step *s)
{
	return json_pack("{s:s, s:s, s:f, s:s?}", "name", s->name, "outcome",
		s->outcome == VERDICT_FAILED ? "failed" : words[s->outcome], "seconds", s->seconds, "detail",
		s->detail);
}

json_t *verdicts_json(const struct verdicts *vs)
{
	json_t *list = json_array();
	size_t counts[3];

	for (size_t i = 0; i < vs->n; i++) {
		const struct verdict *v = &vs->v[i];
		json_t *steps = json_array();
		for (size_t k = 0; k < v->n; k++)
			json_array_append_new(steps, step_json(&v->steps[k]));
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:f, s:o, s:O}", "scenario", v->scenario,
				      "summary", v->summary, "profile", v->profile, "engine", v->engine, "outcome",
				      v->outcome == VERDICT_FAILED ? "failed" : words[v->outcome], "detail", v->detail,
				      "seconds", v->seconds, "steps", steps, "boots", v->boots));
	}
	verdicts_count(vs, counts);
	return json_pack("{s:o, s:I, s:I, s:I}", "scenarios", list, "passed", (json_int_t)counts[VERDICT_PASSED],
		"failed", (json_int_t)counts[VERDICT_FAILED], "skipped", (json_int_t)counts[VERDICT_SKIPPED]);
}
