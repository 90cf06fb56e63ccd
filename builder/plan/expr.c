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

static const char *const facts[] = {"hostname", "domain", NULL};

/* Runtime reference "${KIND:NAME}". */
static int give_runtime(const struct scope *s, struct value *ret, const char *kind, const char *name)
{
	ret->text = arena_printf(s->pl->arena, "${%s:%s}", kind, name);
	return 0;
}

static int give_literal(const struct scope *s, struct value *ret, const char *text)
{
	ret->text = rtext_escape(s->pl->arena, text);
	return 0;
}

static int unknown(const struct place *at, const char *ref, const char *what, const char *word,
	const char *const *names, struct err *err)
{
	place_err(at, err, "${%s}: there is no %s '%s'", ref, what, word);
	return bind_hint(err, word, names);
}

static int ref_setting(const struct scope *s, const struct place *at, const char *ref, const char *name,
	struct value *ret, struct err *err)
{
	const typed_defs *defs = &s->svc->def->settings;
	for (size_t i = 0; i < defs->n; i++)
		if (!strcmp(defs->v[i].name, name)) {
			*ret = s->svc->settings[i];
			return 0;
		}
	VEC(const char *) names = {0};
	for (size_t i = 0; i < defs->n; i++)
		vec_push(&names, defs->v[i].name);
	vec_push(&names, NULL);
	unknown(at, ref, "setting", name, names.v, err);
	vec_release(&names);
	return -1;
}

static int ref_cert(const struct scope *s, const struct place *at, const char *ref, const char *id, const char *part,
	struct value *ret, struct err *err)
{
	static const char *const parts[] = {"cert", "key", "ca", NULL};
	for (const char *const *p = parts; *p; p++)
		if (part && !strcmp(*p, part)) {
			ret->text = arena_printf(s->pl->arena, "${cert:%s:%s}", id, part);
			ret->secret = !strcmp(part, "key");
			return 0;
		}
	place_err(at, err, "${%s}: a certificate has the parts cert, key and ca", ref);
	return -1;
}

/* secret.NAME of a list of definitions; `prefix` makes the id. */
static int ref_secret(const struct scope *s, const struct place *at, const char *ref, const secret_defs *defs,
	const char *prefix, const char *rest, struct value *ret, struct err *err)
{
	size_t len = strcspn(rest, ".");
	const char *part = rest[len] ? rest + len + 1 : NULL;
	const char *name = arena_strndup(s->pl->arena, rest, len);
	VEC(const char *) names = {0};
	for (size_t i = 0; i < defs->n; i++) {
		const struct secret_def *d = &defs->v[i];
		vec_push(&names, d->name);
		if (strcmp(d->name, name) != 0)
			continue;
		vec_release(&names);
		const char *id = arena_printf(s->pl->arena, "%s/%s", prefix, name);
		ret->why = arena_strdup(s->pl->arena, ref);
		if (d->certificate)
			return ref_cert(s, at, ref, id, part, ret, err);
		if (part)
			return place_err(at, err, "${%s}: secret '%s' has no parts", ref, name);
		ret->secret = true;
		return give_runtime(s, ret, "secret", id);
	}
	vec_push(&names, NULL);
	unknown(at, ref, "secret", name, names.v, err);
	vec_release(&names);
	return -1;
}

static const char *claim_prefix(const struct scope *s, const struct pclaim *c)
{
	return arena_printf(s->pl->arena, "%s/%s", c->svc->def->name, c->def->name);
}

static int unknown_container(
	const struct scope *s, const struct place *at, const char *ref, const char *name, struct err *err)
{
	VEC(const char *) names = {0};
	for (size_t i = 0; i < s->svc->def->containers.n; i++)
		vec_push(&names, s->svc->def->containers.v[i].name);
	vec_push(&names, NULL);
	unknown(at, ref, "container", name, names.v, err);
	vec_release(&names);
	return -1;
}

static int ref_containers(const struct scope *s, const struct place *at, const char *ref, const char *name,
	struct value *ret, struct err *err)
{
	long i = svc_container(s->svc, name);
	if (i < 0)
		return unknown_container(s, at, ref, name, err);
	svc_instances(s->pl, s->svc, i, ret);
	return 0;
}

static int ref_address(const struct scope *s, const struct place *at, const char *ref, const char *name,
	struct value *ret, struct err *err)
{
	const struct container *c = appliance_container(s->pl->a, name);
	if (c && !strcmp(c->service, s->svc->def->name))
		return give_runtime(s, ret, "address", c->name);
	long i = svc_container(s->svc, name);
	if (i < 0)
		return unknown_container(s, at, ref, name, err);
	if (s->svc->count[i] != 1)
		return place_err(
			at, err, "${%s}: '%s' has %zu instances; name one of them", ref, name, s->svc->count[i]);
	return give_runtime(s, ret, "address", s->pl->a->containers.v[s->svc->first[i]].name);
}

static int ref_fact(const struct scope *s, const struct place *at, const char *ref, const char *name, struct value *ret,
	struct err *err)
{
	for (const char *const *f = facts; *f; f++)
		if (!strcmp(*f, name))
			return give_runtime(s, ret, "fact", name);
	return unknown(at, ref, "fact", name, facts, err);
}

static int ref_aliases(const struct scope *s, struct value *ret)
{
	const struct str_list *l = &s->container->aliases;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	ret->kind = V_LIST;
	ret->n = l->n;
	ret->list = l->v;
	for (size_t i = 0; i < l->n; i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", l->v[i]);
	ret->text = arena_strdup(s->pl->arena, strbuf_cstr(&b));
	return 0;
}

static const struct offer_def *own_offer(const struct psvc *svc, const char *kind)
{
	for (size_t i = 0; i < svc->def->offers.n; i++)
		if (!strcmp(svc->def->offers.v[i].kind, kind))
			return &svc->def->offers.v[i];
	return NULL;
}

static int ref_claims(const struct scope *s, const struct place *at, const char *ref, const char *kind,
	struct value *ret, struct err *err)
{
	if (own_offer(s->svc, kind)) {
		claims_on(s->pl, s->svc, kind, ret);
		return 0;
	}
	VEC(const char *) names = {0};
	for (size_t i = 0; i < s->svc->def->offers.n; i++)
		vec_push(&names, s->svc->def->offers.v[i].kind);
	vec_push(&names, NULL);
	unknown(at, ref, "offer", kind, names.v, err);
	vec_release(&names);
	return -1;
}

/* saved.NAME: captured by a provision step of the same graph; a claim's graph has names of its own. */
static int ref_saved(const struct scope *s, const char *ref, const char *name, struct value *ret)
{
	ret->secret = true;
	ret->why = arena_strdup(s->pl->arena, ref);
	if (s->claim)
		return give_runtime(s, ret, "saved",
			arena_printf(s->pl->arena, "%s/%s.%s.%s", s->svc->def->name, s->claim->svc->def->name,
				s->claim->def->name, name));
	return give_runtime(s, ret, "saved", arena_printf(s->pl->arena, "%s/%s", s->svc->def->name, name));
}

/* One word: container, address, instance ... Returns 1 when it is none of them. */
static int ref_word(const struct scope *s, const char *word, struct value *ret)
{
	struct arena *arena = s->pl->arena;
	const struct container *c = s->container;
	if (!strcmp(word, "arch"))
		return give_literal(s, ret, s->pl->profile->arch);
	if (!strcmp(word, "suite"))
		return give_literal(s, ret, s->pl->profile->suite);
	if (c && !strcmp(word, "container"))
		return give_literal(s, ret, c->name);
	if (c && !strcmp(word, "address"))
		return give_runtime(s, ret, "address", c->name);
	if (c && !strcmp(word, "instance"))
		return give_literal(s, ret, arena_printf(arena, "%u", c->instance));
	if (c && !strcmp(word, "instances"))
		return give_literal(s, ret, arena_printf(arena, "%u", c->instances));
	if (c && !strcmp(word, "aliases"))
		return ref_aliases(s, ret);
	if (s->claim && !strcmp(word, "claimant"))
		return give_literal(s, ret, s->claim->svc->def->name);
	if (s->claim && !strcmp(word, "claim"))
		return give_literal(s, ret, s->claim->def->name);
	return 1;
}

/* HEAD.REST where HEAD is one of the fixed words. Returns 1 when it is not. */
static int ref_dotted(const struct scope *s, const struct place *at, const char *ref, const char *head,
	const char *rest, struct value *ret, struct err *err)
{
	if (!strcmp(head, "fact"))
		return ref_fact(s, at, ref, rest, ret, err);
	if (!strcmp(head, "ca") && !strcmp(rest, "file"))
		return give_literal(s, ret, "/run/kiln/ca.crt");
	if (!s->svc)
		return 1;
	if (!strcmp(head, "service") && s->claim) {
		if (str_starts(rest, "secret."))
			return ref_secret(s, at, ref, &s->svc->def->secrets, s->svc->def->name, rest + 7, ret, err);
		if (str_starts(rest, "settings."))
			return ref_setting(s, at, ref, rest + 9, ret, err);
		return place_err(at, err, "${%s}: of the service there is secret.NAME and settings.NAME", ref);
	}
	if (!strcmp(head, "settings"))
		return ref_setting(s, at, ref, rest, ret, err);
	if (!strcmp(head, "secret"))
		return s->claim ? ref_secret(s, at, ref, &s->claim->offer->secrets, claim_prefix(s, s->claim), rest,
					  ret, err)
				: ref_secret(s, at, ref, &s->svc->def->secrets, s->svc->def->name, rest, ret, err);
	if (!strcmp(head, "saved"))
		return ref_saved(s, ref, rest, ret);
	if (!strcmp(head, "address"))
		return ref_address(s, at, ref, rest, ret, err);
	if (!strcmp(head, "containers"))
		return ref_containers(s, at, ref, rest, ret, err);
	if (!strcmp(head, "claims"))
		return ref_claims(s, at, ref, rest, ret, err);
	if (!strcmp(head, "claim") && s->claim)
		return claim_member(s, s->claim, at, rest, true, ret, err);
	return 1;
}

/* VAR or VAR.MEMBER of a loop. */
static int ref_var(const struct scope *s, const struct place *at, const struct loopvar *var, const char *ref,
	const char *rest, struct value *ret, struct err *err)
{
	const struct value *v = &var->value;
	if (v->kind == V_CLAIMS) {
		struct pclaim *c = v->claims[0];
		if (!rest)
			return place_err(at, err, "${%s}: say which member of the claim", ref);
		if (!strcmp(rest, "claimant") || !strcmp(rest, "claim"))
			return give_literal(s, ret, rest[5] ? c->svc->def->name : c->def->name);
		if (!strcmp(rest, "containers")) {
			claim_containers(s->pl, c, ret);
			return 0;
		}
		if (str_starts(rest, "secret."))
			return ref_secret(s, at, ref, &c->offer->secrets, claim_prefix(s, c), rest + 7, ret, err);
		return claim_member(s, c, at, rest, true, ret, err);
	}
	if (v->kind == V_CONTAINERS) {
		const struct container *c = v->containers[0];
		if (!rest || !strcmp(rest, "name"))
			return give_literal(s, ret, c->name);
		if (!strcmp(rest, "number"))
			return give_literal(s, ret, arena_printf(s->pl->arena, "%u", c->instance));
		if (!strcmp(rest, "address"))
			return give_runtime(s, ret, "address", c->name);
		return place_err(at, err, "${%s}: a container has name, number and address", ref);
	}
	if (rest)
		return place_err(at, err, "${%s}: '%s' is a text without members", ref, var->name);
	*ret = *v;
	return 0;
}

/* A claim's or parameter's name, when no fixed word fits. */
static int ref_named(const struct scope *s, const struct place *at, const char *ref, const char *head, const char *rest,
	struct value *ret, struct err *err)
{
	if (s->claim && !rest)
		return claim_member(s, s->claim, at, head, true, ret, err);
	struct pclaim *c = s->svc && !s->claim ? claim_find(s->pl, s->svc, head) : NULL;
	if (c && rest)
		return claim_member(s, c, at, rest, false, ret, err);
	if (c)
		return place_err(at, err, "${%s}: say which output of the claim: ${%s.OUTPUT}", ref, ref);
	VEC(const char *) names = {0};
	for (size_t i = 0; s->svc && !s->claim && i < s->svc->def->claims.n; i++)
		vec_push(&names, s->svc->def->claims.v[i].name);
	for (const struct loopvar *v = s->vars; v; v = v->outer)
		vec_push(&names, v->name);
	for (const char *const *r = reserved_names; *r; r++)
		vec_push(&names, *r);
	vec_push(&names, NULL);
	place_err(at, err, "${%s}: '%s' is not known here", ref, head);
	const char *near = str_nearest(head, names.v);
	vec_release(&names);
	return near ? err_hint(err, "did you mean '%s'? A literal ${ is written $${", near)
		    : err_hint(err, "a literal ${ is written $${");
}

static bool is_reference(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
	return n && !s[n] && s[0] != '.' && s[n - 1] != '.' && !strstr(s, "..");
}

int eval_ref(const struct scope *s, const struct place *at, const char *ref, struct value *ret, struct err *err)
{
	*ret = (struct value){.kind = V_TEXT, .text = ""};
	if (!is_reference(ref)) {
		place_err(at, err, "${%s}: not a reference", ref);
		return err_hint(err, "a literal ${ is written $${");
	}
	const char *dot = strchr(ref, '.');
	const char *head = dot ? arena_strndup(s->pl->arena, ref, (size_t)(dot - ref)) : ref;
	const char *rest = dot ? dot + 1 : NULL;
	for (const struct loopvar *v = s->vars; v; v = v->outer)
		if (!strcmp(v->name, head))
			return ref_var(s, at, v, ref, rest, ret, err);
	int r = rest ? ref_dotted(s, at, ref, head, rest, ret, err) : ref_word(s, head, ret);
	return r <= 0 ? r : ref_named(s, at, ref, head, rest, ret, err);
}

/* "?name": a claim that is fulfilled, or a text that is not empty. */
static int is_there(const struct scope *s, const struct place *at, const char *name, bool *ret, struct err *err)
{
	struct pclaim *c = s->svc && !s->claim ? claim_find(s->pl, s->svc, name) : NULL;
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
