/* Settings of services and parameters of offers: one small type system. */
#include "config/typed.h"
#include "base/calendar.h"
#include "base/str.h"
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

static bool is_identifier(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return n && n <= 63 && !s[n] && !strchr("0123456789_-", s[0]);
}

static int expected(const struct typed_def *t, const struct ynode *n, const char *what, struct err *err)
{
	return bind_expected(n, t->name, what, err);
}

static int check_pattern(const struct typed_def *t, const struct ynode *n, const char *text, struct err *err)
{
	if (typed_matches(t, text))
		return 0;
	struct ynode k = *n;
	k.text = text;
	_cleanup_free_ char *what = xasprintf("a text that matches %s", t->pattern->text);
	return expected(t, &k, t->expects ? t->expects : what, err);
}

static int check_values(const struct typed_def *t, const struct ynode *n, const char *text, struct err *err)
{
	if (!t->values.n)
		return check_pattern(t, n, text, err);
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	for (size_t i = 0; i < t->values.n; i++) {
		if (!strcmp(t->values.v[i]->text, text))
			return 0;
		strvec_add(&names, t->values.v[i]->text);
	}
	_cleanup_free_ char *list = strvec_join(&names, ", ");
	_cleanup_free_ char *what = xasprintf("one of %s", list);
	return expected(t, n, what, err);
}

/* What only the machine knows may be anything, but where there is a pattern to compare it with. */
static int check_string(
	const struct typed_def *t, const struct ynode *n, const char *rt, struct arena *arena, struct err *err)
{
	if (!rtext_has_reference(rt))
		return check_values(t, n, rtext_literal(arena, rt), err);
	return t->pattern ? ynode_err(n, err, "%s: '%s' is known only on the machine, and is to be checked before",
				    t->name, n->text)
			  : 0;
}

static int check_calendar(const struct typed_def *t, const struct ynode *n, const char *text, struct err *err)
{
	char why[CALENDAR_WHY];
	if (calendar_check(text, why))
		return 0;
	ynode_err(n, err, "%s: '%s' is no calendar: %s", t->name, text, why);
	return err_hint(err, "such as daily, 03:00, Mon..Fri 03:00 or *-*-1,15 03:00:00 UTC");
}

static int check_text(
	const struct typed_def *t, const struct ynode *n, const char *rt, struct arena *arena, struct err *err)
{
	struct ynode k = *n;
	uint64_t number;
	bool flag;
	if (!strcmp(t->type, "string") || !strcmp(t->type, "file"))
		return check_string(t, n, rt, arena, err);
	if (rtext_has_reference(rt))
		return ynode_err(
			n, err, "%s: '%s' is known only on the machine; only a string may be that", t->name, n->text);
	k.text = rtext_literal(arena, rt);
	if (!strcmp(t->type, "identifier") && !is_identifier(k.text))
		return expected(t, &k, "an identifier of letters, digits, _ and -", err);
	if (!strcmp(t->type, "integer") && bind_uint(&k, t->name, t->min, t->max, &number, err) < 0)
		return -1;
	if (!strcmp(t->type, "boolean") && bind_bool(&k, t->name, &flag, err) < 0)
		return -1;
	if (!strcmp(t->type, "size") && bind_size(&k, t->name, &number, err) < 0)
		return -1;
	if (!strcmp(t->type, "duration") && bind_ms(&k, t->name, &number, err) < 0)
		return -1;
	if (!strcmp(t->type, "calendar") && check_calendar(t, n, k.text, err) < 0)
		return -1;
	return check_values(t, n, k.text, err);
}

static int typed_list(
	const struct scope *s, const struct typed_def *t, const struct ynode *n, struct value *ret, struct err *err)
{
	if (n->kind == Y_SCALAR && strstr(n->text, "${")) { /* "${settings.names}" */
		if (eval_node(s, n, t->name, ret, err) < 0)
			return -1;
		return ret->kind == V_LIST ? 0 : expected(t, n, "a list", err);
	}
	if (n->kind != Y_LIST)
		return expected(t, n, "a list", err);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	*ret = (struct value){.kind = V_LIST, .n = n->n};
	ret->list = arena_alloc(s->pl->arena, (n->n + 1) * sizeof *ret->list);
	for (size_t i = 0; i < n->n; i++) {
		struct value v;
		if (n->items[i]->kind != Y_SCALAR || ynode_is_null(n->items[i]))
			return expected(t, n->items[i], "a text", err);
		if (eval_node(s, n->items[i], t->name, &v, err) < 0)
			return -1;
		ret->list[i] = v.text;
		ret->secret |= v.secret;
		ret->why = v.secret ? v.why : ret->why;
		if (check_string(t, n->items[i], v.text, s->pl->arena, err) < 0)
			return -1;
		strbuf_addf(&b, "%s%s", i ? " " : "", v.text);
	}
	ret->text = arena_strdup(s->pl->arena, strbuf_cstr(&b));
	return 0;
}

int typed_eval(
	const struct scope *s, const struct typed_def *t, const struct ynode *n, struct value *ret, struct err *err)
{
	*ret = (struct value){.kind = V_TEXT, .text = ""};
	if (!strcmp(t->type, "list"))
		return typed_list(s, t, n, ret, err);
	if (n->kind != Y_SCALAR || ynode_is_null(n))
		return expected(t, n, "a text", err);
	if (!strcmp(t->type, "file"))
		return render_text_file(s, n, t->name, ret, err);
	if (eval_node(s, n, t->name, ret, err) < 0)
		return -1;
	ret->kind = V_TEXT;
	if (!strcmp(t->type, "model"))
		return rtext_has_reference(ret->text)
			       ? expected(t, n, "the name of a model", err)
			       : model_value(
					 s->pl, n, t->name, rtext_literal(s->pl->arena, ret->text), &ret->text, err);
	return check_text(t, n, ret->text, s->pl->arena, err);
}

json_t *typed_json(const struct typed_def *t, const struct value *v)
{
	uint64_t number;
	if (v->kind == V_LIST) {
		json_t *list = json_array();
		for (size_t i = 0; i < v->n; i++)
			json_array_append_new(list, json_string(v->list[i]));
		return list;
	}
	if (!strcmp(t->type, "integer") && str_to_u64(v->text, &number) && number <= INT64_MAX)
		return json_integer((json_int_t)number);
	if (!strcmp(t->type, "boolean"))
		return json_boolean(!strcmp(v->text, "true"));
	return json_string(v->text);
}
