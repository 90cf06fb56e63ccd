#include "vm/verdict.h"
#include "base/mem.h"
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

static void release_one(struct verdict *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->steps[i].name);
		free(v->steps[i].detail);
	}
	free(v->steps);
	free(v->scenario);
	free(v->summary);
	free(v->engine);
	free(v->profile);
	free(v->detail);
	json_decref(v->boots);
	strbuf_release(&v->console);
	strvec_release(&v->screenshots);
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

void verdict_print_services(FILE *f, const struct verdict *v)
{
	json_t *boot = json_array_get(v->boots, json_array_size(v->boots) ? json_array_size(v->boots) - 1 : 0);
	json_t *services = json_object_get(boot, "services"), *s, *c;
	size_t i, k;

	if (!json_array_size(services))
		return;
	fprintf(f, "\n%-14s %-16s %-10s %s\n", "LAYER", "SERVICE", "HEALTH", "CONTAINERS (seconds to healthy)");
	json_array_foreach(services, i, s)
	{
		if (!json_array_size(json_object_get(s, "containers")))
			continue;
		fprintf(f, "%-14s %-16s %-10s", json_string_value(json_object_get(s, "layer")),
			json_string_value(json_object_get(s, "name")), json_string_value(json_object_get(s, "health")));
		json_array_foreach(json_object_get(s, "containers"), k, c)
		{
			double from = json_number_value(json_object_get(c, "started_ms"));
			double to = json_number_value(json_object_get(c, "healthy_ms"));
			fprintf(f, " %s (%.1f)", json_string_value(json_object_get(c, "name")),
				to > from ? (to - from) / 1000 : 0);
		}
		fputc('\n', f);
	}
	json_t *ready = json_object_get(boot, "ready_ms");
	if (json_is_integer(ready))
		fprintf(f, "ready %.1f s after the kernel started\n", (double)json_integer_value(ready) / 1000);
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
