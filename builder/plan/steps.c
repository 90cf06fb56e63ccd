/*
 * Provision steps: from the user's YAML to the JSON that kiln-agent runs (docs/formats.md, "Provision steps"). One
 * table says which keys there are, what they hold and whether a secret may stand there.
 */
#include "plan/steps.h"
#include "base/vec.h"
#include "plan/rt.h"

enum step_type {
	S_TEXT,	  /* (rt), no secret */
	S_SECRET, /* (rt), may be secret */
	S_WORDS,  /* list of S_TEXT */
	S_MAP,	  /* names to S_SECRET */
	S_JSON,	  /* any YAML, its texts S_SECRET, its plain numbers and booleans kept */
	S_INPUT,  /* S_SECRET or {from: FILE} */
	S_WORD,	  /* plain text */
	S_PORT,
	S_STATUSES, /* list of HTTP statuses */
	S_MS,
	S_BOOL,
	S_MODE,
	S_CONTAINERS, /* the name of a container of the service: all its instances */
	S_SAVE,	      /* names to JSON pointers */
	S_CHOICE,
	S_CONDITION, /* known at build time: true or false */
	S_OBJECT,
};
struct step_field {
	const char *key;
	enum step_type type;
	bool required;
	const char *const *choices;
	const struct step_field *fields;
};

static const char *const schemes[] = {"http", "https", NULL};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};

static const struct step_field exec_fields[] = {
	{"in", S_CONTAINERS, true, NULL, NULL},
	{"command", S_WORDS, true, NULL, NULL},
	{"user", S_WORD, false, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field sigv4_fields[] = {
	{"access_key", S_SECRET, true, NULL, NULL},
	{"secret_key", S_SECRET, true, NULL, NULL},
	{"region", S_TEXT, true, NULL, NULL},
	{"service", S_TEXT, true, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field login_fields[] = {
	{"user", S_SECRET, true, NULL, NULL},
	{"password", S_SECRET, true, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field http_fields[] = {
	{"to", S_CONTAINERS, true, NULL, NULL},
	{"port", S_PORT, true, NULL, NULL},
	{"scheme", S_CHOICE, false, schemes, NULL},
	{"method", S_CHOICE, false, methods, NULL},
	{"path", S_TEXT, true, NULL, NULL},
	{"headers", S_MAP, false, NULL, NULL},
	{"login", S_OBJECT, false, NULL, login_fields},
	{"sigv4", S_OBJECT, false, NULL, sigv4_fields},
	{"json", S_JSON, false, NULL, NULL},
	{"form", S_MAP, false, NULL, NULL},
	{"body", S_INPUT, false, NULL, NULL},
	{"expect", S_STATUSES, false, NULL, NULL},
	{"save", S_SAVE, false, NULL, NULL},
	{"note", S_SAVE, false, NULL, NULL}, /* the same of what is no secret */
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field tcp_fields[] = {
	{"to", S_CONTAINERS, true, NULL, NULL},
	{"port", S_PORT, true, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field condition_fields[] = {
	{"exec", S_OBJECT, false, NULL, exec_fields},
	{"http", S_OBJECT, false, NULL, http_fields},
	{"tcp", S_OBJECT, false, NULL, tcp_fields},
	{"env", S_MAP, false, NULL, NULL},
	{"stdin", S_INPUT, false, NULL, NULL},
	{"stdout", S_TEXT, false, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field file_fields[] = {
	{"volume", S_WORD, true, NULL, NULL},
	{"in", S_CONTAINERS, true, NULL, NULL},
	{"path", S_TEXT, true, NULL, NULL},
	{"text", S_INPUT, true, NULL, NULL},
	{"mode", S_MODE, false, NULL, NULL},
	{"owner", S_WORD, false, NULL, NULL},
	{"group", S_WORD, false, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field retry_fields[] = {
	{"every", S_MS, false, NULL, NULL},
	{"for", S_MS, false, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};
static const struct step_field step_fields[] = {
	{"name", S_WORD, true, NULL, NULL},
	{"if", S_CONDITION, false, NULL, NULL},
	{"exec", S_OBJECT, false, NULL, exec_fields},
	{"http", S_OBJECT, false, NULL, http_fields},
	{"wait", S_OBJECT, false, NULL, condition_fields},
	{"file", S_OBJECT, false, NULL, file_fields},
	{"env", S_MAP, false, NULL, NULL},
	{"stdin", S_INPUT, false, NULL, NULL},
	{"unless", S_OBJECT, false, NULL, condition_fields},
	{"retry", S_OBJECT, false, NULL, retry_fields},
	{"timeout", S_MS, false, NULL, NULL},
	{"fresh", S_BOOL, false, NULL, NULL},
	{NULL, S_TEXT, false, NULL, NULL},
};

static json_t *object_json(const struct scope *s, const struct ynode *n, const char *key,
	const struct step_field *fields, struct err *err);

static json_t *choice_json(const struct ynode *n, const struct step_field *f, struct err *err)
{
	for (const char *const *c = f->choices; *c; c++)
		if (n->kind == Y_SCALAR && !strcmp(*c, n->text))
			return json_string(*c);
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	strvec_add_all(&names, f->choices);
	_cleanup_free_ char *list = strvec_join(&names, ", ");
	_cleanup_free_ char *what = xasprintf("one of %s", list);
	bind_expected(n, f->key, what, err);
	return NULL;
}

static json_t *number_json(const struct scope *s, const struct ynode *n, const struct step_field *f, struct err *err)
{
	uint64_t v = 0;
	int r = 0;
	if (n->kind != Y_SCALAR) {
		bind_expected(n, f->key, "a number", err);
		return NULL;
	}
	if (f->type == S_PORT)
		r = eval_number(s, n, f->key, 1, 65535, &v, err);
	else if (f->type == S_MS)
		r = bind_ms(n, f->key, &v, err);
	else if (!n->text[0] || n->text[strspn(n->text, "01234567")] || strlen(n->text) > 5)
		r = bind_expected(n, f->key, "an octal file mode such as 0644", err);
	else
		v = strtoul(n->text, NULL, 8) & 07777;
	return r < 0 ? NULL : json_integer((json_int_t)v);
}

static json_t *condition_json(const struct scope *s, const struct ynode *n, const char *key, struct err *err)
{
	struct place at = place_of(n, key);
	bool holds;
	if (n->kind != Y_SCALAR || ynode_is_null(n)) {
		bind_expected(n, key, "a condition", err);
		return NULL;
	}
	return eval_cond(s, &at, n->text, &holds, err) < 0 ? NULL : json_boolean(holds);
}

static json_t *field_json(const struct scope *s, const struct ynode *n, const struct step_field *f, struct err *err)
{
	switch (f->type) {
	case S_TEXT:
	case S_WORD:
		return step_text_json(s, n, f->key, false, err);
	case S_SECRET:
		return step_text_json(s, n, f->key, true, err);
	case S_WORDS:
		return step_words_json(s, n, f->key, err);
	case S_MAP:
		return step_map_json(s, n, f->key, err);
	case S_JSON:
		return step_any_json(s, n, f->key, err);
	case S_INPUT:
		return step_input_json(s, n, f->key, err);
	case S_PORT:
	case S_MS:
	case S_MODE:
		return number_json(s, n, f, err);
	case S_BOOL:
		return step_bool_json(n, f->key, err);
	case S_STATUSES:
		return step_statuses_json(n, f->key, err);
	case S_CONTAINERS:
		return step_containers_json(s, n, f->key, err);
	case S_SAVE:
		return step_save_json(s, n, f->key, err);
	case S_CHOICE:
		return choice_json(n, f, err);
	case S_CONDITION:
		return condition_json(s, n, f->key, err);
	case S_OBJECT:
		return object_json(s, n, f->key, f->fields, err);
	}
	return NULL;
}

static int unknown_key(const struct ynode *key, const struct step_field *fields, struct err *err)
{
	VEC(const char *) names = {0};
	for (const struct step_field *f = fields; f->key; f++)
		vec_push(&names, f->key);
	vec_push(&names, NULL);
	ynode_err(key, err, "%s: unknown key", key->text);
	bind_hint(err, key->text, names.v);
	vec_release(&names);
	return -1;
}

static json_t *object_json(
	const struct scope *s, const struct ynode *n, const char *key, const struct step_field *fields, struct err *err)
{
	if (n->kind != Y_MAP) {
		bind_expected(n, key, "a mapping", err);
		return NULL;
	}
	json_t *out = json_object();
	for (size_t i = 0; i < n->n; i++) {
		const struct step_field *f = fields;
		while (f->key && strcmp(f->key, n->pairs[i].key->text) != 0)
			f++;
		if (!f->key)
			unknown_key(n->pairs[i].key, fields, err);
		if (!step_put(&out, f->key, f->key ? field_json(s, n->pairs[i].value, f, err) : NULL))
			return NULL;
	}
	for (const struct step_field *f = fields; f->key; f++)
		if (f->required && !json_object_get(out, f->key)) {
			ynode_err(n, err, "%s: missing", f->key);
			json_decref(out);
			return NULL;
		}
	return out;
}

/* Exactly one of the keys that say what to do. */
static int one_action(const struct ynode *n, const char *const *kinds, const char *what, struct err *err)
{
	unsigned found = 0;
	for (const char *const *k = kinds; *k; k++)
		found += ynode_get(n, *k) != NULL;
	if (found == 1)
		return 0;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	strvec_add_all(&names, kinds);
	_cleanup_free_ char *list = strvec_join(&names, ", ");
	return ynode_err(n, err, "%s: expected exactly one of %s, found %u", what, list, found);
}

/* The container of a file step must have the volume; wire puts the machine's names in. */
static int check_volume(const struct scope *s, const struct ynode *file, const json_t *out, struct err *err)
{
	const char *volume = json_string_value(json_object_get(out, "volume"));
	const char *in = json_string_value(json_array_get(json_object_get(out, "in"), 0));
	const struct container *c = appliance_container(s->pl->a, in);
	const struct container_def *d = &s->svc->def->containers.v[svc_container(s->svc, c->base)];
	VEC(const char *) names = {0};
	for (size_t i = 0; i < d->volumes.n; i++) {
		if (!strcmp(d->volumes.v[i].name, volume)) {
			vec_release(&names);
			return 0;
		}
		vec_push(&names, d->volumes.v[i].name);
	}
	vec_push(&names, NULL);
	ynode_err(ynode_get(file, "volume"), err, "volume: '%s' has no volume '%s'", d->name, volume);
	bind_hint(err, volume, names.v);
	vec_release(&names);
	return -1;
}

static int check_step(const struct scope *s, const struct ynode *n, json_t *out, struct err *err)
{
	static const char *const actions[] = {"exec", "http", "wait", "file", NULL};
	static const char *const conditions[] = {"exec", "http", "tcp", NULL};
	const char *name = json_string_value(json_object_get(out, "name"));
	const struct ynode *file = ynode_get(n, "file"), *http = ynode_get(n, "http");
	if (one_action(n, actions, name, err) < 0)
		return -1;
	if (ynode_get(n, "wait") && one_action(ynode_get(n, "wait"), conditions, "wait", err) < 0)
		return -1;
	if (ynode_get(n, "unless") && one_action(ynode_get(n, "unless"), conditions, "unless", err) < 0)
		return -1;
	if (json_is_true(json_object_get(out, "fresh")) && (!http || ynode_get(n, "unless") || ynode_get(n, "retry")))
		return ynode_err(ynode_get(n, "fresh"), err,
			"fresh: only an http step without unless and retry is made anew for others");
	if (http && !!ynode_get(http, "json") + !!ynode_get(http, "form") + !!ynode_get(http, "body") > 1)
		return ynode_err(http, err, "http: at most one of json, form and body");
	if (http && ynode_get(http, "login") && ynode_get(http, "sigv4"))
		return ynode_err(http, err, "http: at most one of login and sigv4");
	return file ? check_volume(s, file, json_object_get(out, "file"), err) : 0;
}

json_t *steps_json(const struct scope *s, const struct ynode *steps, struct err *err)
{
	if (steps->kind != Y_LIST) {
		bind_expected(steps, "provision", "a list of steps", err);
		return NULL;
	}
	json_t *out = json_array();
	for (size_t i = 0; i < steps->n; i++) {
		json_t *step = object_json(s, steps->items[i], "provision", step_fields, err);
		if (step && check_step(s, steps->items[i], step, err) < 0) {
			json_decref(step);
			step = NULL;
		}
		if (step && json_is_false(json_object_get(step, "if"))) {
			json_decref(step);
			continue;
		}
		if (step)
			json_object_del(step, "if");
		if (!step_put(&out, NULL, step))
			return NULL;
	}
	return out;
}
