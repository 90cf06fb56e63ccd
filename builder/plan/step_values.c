/* The values of a step's keys, one function for each type. */
#include "base/vec.h"
#include "plan/steps.h"

json_t *step_text_json(const struct scope *s, const struct ynode *n, const char *key, bool secret_ok, struct err *err)
{
	struct value v;
	if (n->kind != Y_SCALAR || ynode_is_null(n)) {
		bind_expected(n, key, "a text", err);
		return NULL;
	}
	if (eval_node(s, n, key, &v, err) < 0)
		return NULL;
	if (v.secret && !secret_ok) {
		struct place at = place_of(n, key);
		leak_err(&at, &v, err);
		return NULL;
	}
	json_t *j = json_string(v.text);
	if (!j)
		ynode_err(n, err, "%s: not UTF-8", key);
	return j;
}

/* Append or set a new value; a NULL one is an error already set. Takes `into` away on error. */
bool step_put(json_t **into, const char *key, json_t *value)
{
	if (value) {
		if (key)
			json_object_set_new(*into, key, value);
		else
			json_array_append_new(*into, value);
		return true;
	}
	json_decref(*into);
	*into = NULL;
	return false;
}

json_t *step_words_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind != Y_LIST || !n->n) {
		bind_expected(n, key, "a list of texts", err);
		return NULL;
	}
	json_t *out = json_array();
	for (size_t i = 0; i < n->n; i++)
		if (!step_put(&out, NULL, step_text_json(s, n->items[i], key, false, err)))
			return NULL;
	return out;
}

json_t *step_map_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind != Y_MAP) {
		bind_expected(n, key, "a mapping", err);
		return NULL;
	}
	json_t *out = json_object();
	for (size_t i = 0; i < n->n; i++)
		if (!step_put(&out, n->pairs[i].key->text,
			    step_text_json(s, n->pairs[i].value, n->pairs[i].key->text, true, err)))
			return NULL;
	return out;
}

/* A plain scalar as YAML's core schema has it. */
static json_t *scalar_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->quoted)
		return step_text_json(s, n, key, true, err);
	if (ynode_is_null(n))
		return json_null();
	if (!strcmp(n->text, "true") || !strcmp(n->text, "false"))
		return json_boolean(n->text[0] == 't');
	json_error_t jerr;
	json_t *number = json_loads(n->text, JSON_DECODE_ANY, &jerr);
	if (json_is_number(number))
		return number;
	json_decref(number);
	return step_text_json(s, n, key, true, err);
}

json_t *step_any_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind == Y_SCALAR)
		return scalar_json(s, n, key, err);
	json_t *out = n->kind == Y_MAP ? json_object() : json_array();
	for (size_t i = 0; i < n->n; i++) {
		const char *name = n->kind == Y_MAP ? n->pairs[i].key->text : NULL;
		const struct ynode *value = name ? n->pairs[i].value : n->items[i];
		if (!step_put(&out, name, step_any_json(s, value, name ? name : key, err)))
			return NULL;
	}
	return out;
}

json_t *step_input_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind == Y_SCALAR)
		return step_text_json(s, n, key, true, err);
	const struct ynode *from = ynode_get(n, "from");
	struct value v;
	if (!from || n->n != 1 || from->kind != Y_SCALAR) {
		bind_expected(n, key, "a text or {from: FILE}", err);
		return NULL;
	}
	if (render_text_file(s, from, key, &v, err) < 0)
		return NULL;
	return json_string(v.text);
}

json_t *step_bool_json(const struct ynode *n, const char *key, struct err *err)
{
	bool yes;
	return bind_bool(n, key, &yes, err) < 0 ? NULL : json_boolean(yes);
}

json_t *step_statuses_json(const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind != Y_LIST || !n->n || n->n > 15) {
		bind_expected(n, key, "a list of at most 15 statuses", err);
		return NULL;
	}
	json_t *out = json_array();
	for (size_t i = 0; i < n->n; i++) {
		uint64_t status;
		int r = bind_uint(n->items[i], key, 100, 599, &status, err);
		if (!step_put(&out, NULL, r < 0 ? NULL : json_integer((json_int_t)status)))
			return NULL;
	}
	return out;
}

json_t *step_containers_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	const char *name;
	if (n->kind != Y_SCALAR) {
		bind_expected(n, key, "a container", err);
		return NULL;
	}
	if (eval_known(s, n, key, &name, err) < 0)
		return NULL;
	long i = svc_container(s->svc, name);
	if (i < 0) {
		VEC(const char *) names = {0};
		for (size_t k = 0; k < s->svc->def->containers.n; k++)
			vec_push(&names, s->svc->def->containers.v[k].name);
		vec_push(&names, NULL);
		ynode_err(n, err, "%s: '%s' is no container of %s", key, name, s->svc->def->name);
		bind_hint(err, name, names.v);
		vec_release(&names);
		return NULL;
	}
	struct value v;
	svc_instances(s->pl, s->svc, i, &v);
	json_t *out = json_array();
	for (size_t k = 0; k < v.n; k++)
		json_array_append_new(out, json_string(v.containers[k]->name));
	return out;
}

/* What a claim's steps save has the claim in its name: graphs of several claims on one offer do not share it. */
json_t *step_save_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	if (n->kind != Y_MAP) {
		bind_expected(n, key, "a mapping of names to JSON pointers", err);
		return NULL;
	}
	json_t *out = json_object();
	for (size_t i = 0; i < n->n; i++) {
		const char *name = n->pairs[i].key->text;
		const struct ynode *to = n->pairs[i].value;
		if (to->kind != Y_SCALAR || to->text[0] != '/' || !bind_is_ident(name)) {
			bind_expected(to, name, "a JSON pointer such as /token, under a plain name", err);
			json_decref(out);
			return NULL;
		}
		const char *full = s->claim ? arena_printf(s->pl->arena, "%s.%s.%s", s->claim->svc->def->name,
						      s->claim->def->name, name)
					    : name;
		json_object_set_new(out, full, json_string(to->text));
	}
	return out;
}
