/* Which GPU was found, who gets it, or why all run on the CPU: for the status, for units, for people. */
#include "base/json.h"
#include "target/agent/gpu.h"

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *found(const struct gpus *g)
{
	json_t *list = json_array();
	const struct gpu *gpu;
	for (size_t n = 0; (gpu = gpus_usable(g, n)); n++) {
		json_t *o = json_object(), *parts = json_array();
		json_object_set_new(o, "name", json_sprintf("%zu", n));
		json_object_set_new(o, "address", json_string(gpu->address));
		json_object_set_new(o, "model", text_or_null(gpu->model));
		json_object_set_new(o, "driver", text_or_null(gpu->driver));
		json_object_set_new(o, "uuid", text_or_null(gpu->uuid));
		for (size_t i = 0; i < gpu->parts.n; i++)
			json_array_append_new(parts, json_sprintf("%zu:%zu", n, i));
		json_object_set_new(o, "parts", parts);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *unusable(const struct gpus *g)
{
	json_t *list = json_array();
	for (size_t i = 0; i < g->v.n; i++) {
		const struct gpu *gpu = &g->v.v[i];
		const char *why = gpu->why ? gpu->why : g->problem;
		if (!why)
			continue;
		/* No driver took it, or a device is not there that a module of its driver makes. */
		bool unloaded = g->unloaded && *g->unloaded && (!gpu->driver || !gpu->why);
		_cleanup_free_ char *text = unloaded ? xasprintf("%s: %s", why, g->unloaded) : xstrdup(why);
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:s}", "address", gpu->address, "model",
				      text_or_null(gpu->model), "driver", text_or_null(gpu->driver), "why", text));
	}
	return list;
}

/* What a container gets of what it was assigned. */
static json_t *containers(const struct gpu_want *w, const json_t *cdi)
{
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(w->containers); i++) {
		const json_t *c = json_array_get(w->containers, i), *want = json_object_get(c, "devices");
		json_t *got = json_array(), *missing = json_array();
		for (size_t k = 0; k < json_array_size(want); k++) {
			json_t *name = json_array_get(want, k);
			json_array_append(gpu_cdi_has(cdi, json_string_value(name)) ? got : missing, name);
		}
		json_array_append_new(list, json_pack("{s:O, s:o, s:o}", "name", json_object_get(c, "name"), "devices",
						    got, "missing", missing));
	}
	return list;
}

json_t *gpu_state(const struct gpus *g, const struct gpu_want *w, const json_t *cdi)
{
	json_t *list = found(g), *bad = unusable(g);
	size_t n = json_array_size(list);
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "wanted", w->name, "kind", w->kind, "state",
		n > 1 ? "many"
		: n   ? "one"
		      : "none",
		"found", list, "unusable", bad, "containers", containers(w, cdi));
	json_object_set_new(o, "driver", text_or_null(g->version));
	if (n)
		json_object_set_new(o, "reason", json_null());
	else if (json_array_size(bad))
		json_object_set_new(o, "reason",
			json_sprintf("the GPU at %s cannot be used: %s",
				json_string_value(json_object_get(json_array_get(bad, 0), "address")),
				json_string_value(json_object_get(json_array_get(bad, 0), "why"))));
	else
		json_object_set_new(o, "reason",
			json_sprintf("this machine has no GPU for `gpu: %s` (PCI vendor %s)", w->name, w->vendor));
	return o;
}

/* Words for podman, split by systemd at the blanks: none where there is no device. */
void gpu_environment(const struct gpu_want *w, const json_t *cdi, struct strbuf *out)
{
	_cleanup_json_ json_t *list = containers(w, cdi);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i), *got = json_object_get(c, "devices");
		strbuf_adds(out, "KILN_GPU_");
		for (const char *p = json_string_value(json_object_get(c, "name")); p && *p; p++)
			strbuf_addc(out, *p == '-' ? '_' : *p);
		strbuf_adds(out, "=\"");
		for (size_t k = 0; k < json_array_size(got); k++)
			strbuf_addf(out, "%s--device %s=%s", k ? " " : "", w->kind,
				json_string_value(json_array_get(got, k)));
		strbuf_adds(out, "\"\n");
	}
}

static void join(const json_t *list, struct strbuf *out)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		strbuf_addf(out, "%s%s", i ? " " : "", json_string_value(json_array_get(list, i)));
}

void gpu_show(const json_t *state, struct strbuf *out)
{
	const json_t *list = json_object_get(state, "found"), *item;
	size_t i, n = json_array_size(list);
	if (n)
		strbuf_addf(out, "gpu %s: %zu found%s%s\n", json_text(state, "wanted"), n,
			*json_text(state, "driver") ? ", driver " : "", json_text(state, "driver"));
	else
		strbuf_addf(out, "gpu %s: none, all run on the CPU: %s\n", json_text(state, "wanted"),
			json_text(state, "reason"));
	json_array_foreach(list, i, item)
	{
		const json_t *parts = json_object_get(item, "parts");
		strbuf_addf(out, "  %-4s %s  %s", json_text(item, "name"), json_text(item, "address"),
			json_text(item, "model"));
		if (json_array_size(parts))
			strbuf_adds(out, "  in parts ");
		join(parts, out);
		strbuf_addc(out, '\n');
	}
	list = json_object_get(state, "unusable");
	json_array_foreach(list, i, item) strbuf_addf(out, "  -    %s  %s  %s\n", json_text(item, "address"),
		json_text(item, "model"), json_text(item, "why"));
	list = json_object_get(state, "containers");
	json_array_foreach(list, i, item)
	{
		const json_t *got = json_object_get(item, "devices"), *missing = json_object_get(item, "missing");
		strbuf_addf(out, "  %s: ", json_text(item, "name"));
		if (json_array_size(got))
			join(got, out);
		else
			strbuf_adds(out, "on the CPU");
		if (n && json_array_size(missing)) {
			strbuf_adds(out, "; not there: ");
			join(missing, out);
		}
		strbuf_addc(out, '\n');
	}
}
