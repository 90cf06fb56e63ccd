#include "base/filter.h"
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

struct place place_of(const struct ynode *n, const char *what)
{
	return (struct place){.file = n->file, .line = n->line, .column = n->column, .what = what};
}

int place_err(const struct place *p, struct err *err, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (p->what)
		return err_set(
			err, ERR_CONFIG, "%s:%u:%u: %s: %s", p->file, p->line, p->column, p->what, strbuf_cstr(&b));
	return err_set(err, ERR_CONFIG, "%s:%u:%u: %s", p->file, p->line, p->column, strbuf_cstr(&b));
}

int leak_err(const struct place *at, const struct value *v, struct err *err)
{
	place_err(at, err, "${%s} is secret and must not stand here", v->why);
	return err_hint(err,
		"secrets go to a container's `secrets:`, to a file with `secret: true`, or to the env, stdin, "
		"headers or body of a provision step");
}

/* "?name": a claim that is fulfilled, or a text that is not empty. */
static int is_there(const struct scope *s, const struct place *at, const char *name, bool *ret, struct err *err)
{
	/* In an offer the plain names are the parameters; the provider's own claims are called service.claims.NAME. */
	const char *own = !s->claim ? name : str_starts(name, "service.claims.") ? name + 15 : NULL;
	struct pclaim *c = s->svc && own ? claim_find(s->pl, s->svc, own) : NULL;
	if (c) {
		*ret = c->provider != NULL;
		return 0;
	}
	struct value v;
	if (eval_ref(s, at, name, &v, err) < 0)
		return -1;
	*ret = v.kind == V_TEXT ? v.text[0] != '\0' : v.n > 0;
	return 0;
}

static int apply_filters(
	const struct scope *s, const struct place *at, struct value *v, const struct strvec *parts, struct err *err)
{
	for (size_t i = 1; i < parts->n; i++) {
		const char *f = parts->v[i];
		if (!filter_known(f)) {
			place_err(at, err, "there is no filter '%s'", f);
			return bind_hint(err, f, filter_names);
		}
		v->text = rtext_filter(s->pl->arena, v->text, f);
		v->kind = V_TEXT;
	}
	return 0;
}

/* The inside of one ${...}. */
static int eval_one(
	const struct scope *s, const struct place *at, const char *inside, struct value *ret, struct err *err)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;
	str_split(&parts, inside, "|");
	if (!parts.n)
		return place_err(at, err, "${} is empty");
	if (parts.v[0][0] == '?') {
		bool there;
		*ret = (struct value){.kind = V_TEXT};
		if (is_there(s, at, parts.v[0] + 1, &there, err) < 0)
			return -1;
		ret->text = there ? "true" : "false";
	} else if (eval_ref(s, at, parts.v[0], ret, err) < 0) {
		return -1;
	}
	/* A leak is reported as the reference that stands there, not as the secret far away behind it. */
	if (ret->secret)
		ret->why = arena_strdup(s->pl->arena, parts.v[0]);
	return apply_filters(s, at, ret, &parts, err);
}

static struct place place_within(const struct place *at, const char *text, const char *p)
{
	struct place here = *at;
	if (at->exact)
		here.column += (unsigned)(p - text);
	return here;
}

int eval_text(const struct scope *s, const struct place *at, const char *text, struct value *ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct value all = {.kind = V_TEXT};
	for (const char *p = text; *p;) {
		if (!strncmp(p, "$${", 3)) {
			strbuf_add(&b, p, 3);
			p += 3;
			continue;
		}
		if (strncmp(p, "${", 2) != 0) {
			strbuf_addc(&b, *p++);
			continue;
		}
		const char *end = strpbrk(p, "}\n");
		if (!end || *end != '}') {
			struct place here = place_within(at, text, p);
			place_err(&here, err, "${ without a }");
			return err_hint(err, "a literal ${ is written $${");
		}
		_cleanup_free_ char *inside = xstrndup(p + 2, (size_t)(end - p) - 2);
		struct place here = place_within(at, text, p);
		struct value v;
		if (eval_one(s, &here, inside, &v, err) < 0)
			return -1;
		strbuf_adds(&b, v.text);
		if (v.secret && !all.secret) {
			all.secret = true;
			all.why = v.why;
		}
		p = end + 1;
		if (p - 1 == text + strlen(text) - 1 && !strncmp(text, "${", 2) && strchr(text, '}') == end &&
			v.kind != V_TEXT) {
			*ret = v; /* nothing but one reference to a list: it stays one */
			return 0;
		}
	}
	all.text = arena_strdup(s->pl->arena, strbuf_cstr(&b));
	*ret = all;
	return 0;
}

static bool truth(const struct value *v)
{
	if (v->kind != V_TEXT)
		return v->n > 0;
	return v->text[0] && strcmp(v->text, "false") != 0 && strcmp(v->text, "0") != 0;
}

/* REF == "text", REF != "text". */
static int eval_compare(
	const struct scope *s, const struct place *at, const char *cond, const char *op, bool *ret, struct err *err)
{
	_cleanup_strvec_ struct strvec left = STRVEC_INIT;
	_cleanup_free_ char *ref = xstrndup(cond, (size_t)(op - cond));
	str_split(&left, ref, " \t");
	const char *text = op + 2 + strspn(op + 2, " \t");
	size_t len = strlen(text);
	while (len && strchr(" \t", text[len - 1]))
		len--;
	if (left.n != 1 || len < 2 || text[0] != '"' || text[len - 1] != '"')
		return place_err(at, err, "expected a condition such as settings.mode == \"text\", found '%s'", cond);
	struct value v;
	if (eval_ref(s, at, left.v[0], &v, err) < 0)
		return -1;
	if (rtext_has_reference(v.text))
		return place_err(
			at, err, "'%s' is known only on the machine and cannot decide what is built", left.v[0]);
	_cleanup_free_ char *want = xstrndup(text + 1, len - 2);
	*ret = !strcmp(rtext_literal(s->pl->arena, v.text), want) == (op[0] == '=');
	return 0;
}

int eval_cond(const struct scope *s, const struct place *at, const char *cond, bool *ret, struct err *err)
{
	cond += strspn(cond, " \t");
	if (cond[0] == '!' && cond[1] != '=') {
		if (eval_cond(s, at, cond + 1, ret, err) < 0)
			return -1;
		*ret = !*ret;
		return 0;
	}
	const char *op = strstr(cond, "==");
	if (!op)
		op = strstr(cond, "!=");
	if (op)
		return eval_compare(s, at, cond, op, ret, err);
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	str_split(&words, cond, " \t");
	if (words.n != 1)
		return place_err(at, err, "expected a condition, found '%s'", cond);
	if (words.v[0][0] == '?')
		return is_there(s, at, words.v[0] + 1, ret, err);
	struct value v;
	if (eval_ref(s, at, words.v[0], &v, err) < 0)
		return -1;
	if (rtext_has_reference(v.text))
		return place_err(
			at, err, "'%s' is known only on the machine and cannot decide what is built", words.v[0]);
	*ret = truth(&v);
	return 0;
}
