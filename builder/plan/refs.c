/* References: what a name inside ${...} means, by where it stands. */
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

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

/* secret.NAME of a claim, or (NULL) of the service itself. Empty where its condition says that there is none. */
static int ref_secret(const struct scope *s, const struct place *at, const char *ref, struct pclaim *claim,
	const char *rest, struct value *ret, struct err *err)
{
	const struct scope owner = {.pl = s->pl, .svc = claim ? claim->provider : s->svc, .claim = claim};
	const secret_defs *defs = claim ? &claim->offer->secrets : &s->svc->def->secrets;
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
		const char *id =
			claim ? arena_printf(s->pl->arena, "%s/%s/%s", claim->svc->def->name, claim->def->name, name)
			      : arena_printf(s->pl->arena, "%s/%s", s->svc->def->name, name);
		bool wanted;
		if (eval_if(&owner, d->when, &wanted, err) < 0)
			return -1;
		if (!wanted)
			return 0;
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

/* Paths in every container of what it is to trust. */
static int ref_ca(const struct scope *s, const struct place *at, const char *ref, const char *name, struct value *ret,
	struct err *err)
{
	static const char *const names[] = {"file", "truststore", NULL};
	if (!strcmp(name, "file"))
		return give_literal(s, ret, "/run/kiln/ca.crt");
	if (!strcmp(name, "truststore"))
		return give_literal(s, ret, "/run/kiln/ca.p12");
	place_err(at, err, "${%s}: of the CA there is file and truststore", ref);
	return bind_hint(err, name, names);
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

/* Does some `save:` (or `note:`) below this node keep that name? */
static bool saves(const struct ynode *n, const char *how, const char *name)
{
	if (!n || n->kind == Y_SCALAR)
		return false;
	if (n->kind == Y_MAP && ynode_get(ynode_get(n, how), name))
		return true;
	for (size_t i = 0; i < n->n; i++)
		if (saves(n->kind == Y_MAP ? n->pairs[i].value : n->items[i], how, name))
			return true;
	return false;
}

/* saved.NAME: captured by a provision step of the same graph; a claim's graph has names of its own. */
static int ref_saved(const struct scope *s, const struct place *at, const char *ref, const char *name,
	struct value *ret, struct err *err)
{
	const struct pclaim *c = s->claim;
	const struct ynode *steps = c ? c->offer->provision : s->svc->def->provision;
	bool secret = saves(steps, "save", name);
	if (!secret && !saves(steps, "note", name))
		return place_err(at, err, "${%s}: no step has `save: {%s: ...}`", ref, name);
	const char *id =
		c ? arena_printf(s->pl->arena, "%s/%s.%s.%s", s->svc->def->name, c->svc->def->name, c->def->name, name)
		  : arena_printf(s->pl->arena, "%s/%s", s->svc->def->name, name);
	ret->secret = secret;
	ret->why = arena_strdup(s->pl->arena, ref);
	return give_runtime(s, ret, "saved", id);
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
	if (!strcmp(word, "layers")) {
		svc_layers(s->pl, ret);
		return 0;
	}
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

/* claims.CLAIM.OUTPUT of the service that makes an offer: what it claimed itself, to hand on. */
static int ref_service_claim(const struct scope *s, const struct place *at, const char *ref, const char *rest,
	struct value *ret, struct err *err)
{
	const char *dot = strchr(rest, '.');
	const char *name = dot ? arena_strndup(s->pl->arena, rest, (size_t)(dot - rest)) : rest;
	struct pclaim *c = claim_find(s->pl, s->svc, name);
	if (c && dot)
		return claim_member(s, c, at, dot + 1, false, ret, err);
	if (c)
		return place_err(at, err, "${%s}: say which output of the claim: ${%s.OUTPUT}", ref, ref);
	VEC(const char *) names = {0};
	for (size_t i = 0; i < s->svc->def->claims.n; i++)
		vec_push(&names, s->svc->def->claims.v[i].name);
	vec_push(&names, NULL);
	unknown(at, ref, "claim", name, names.v, err);
	vec_release(&names);
	return -1;
}

/* HEAD.REST where HEAD is one of the fixed words. Returns 1 when it is not. */
static int ref_dotted(const struct scope *s, const struct place *at, const char *ref, const char *head,
	const char *rest, struct value *ret, struct err *err)
{
	if (!strcmp(head, "fact"))
		return ref_fact(s, at, ref, rest, ret, err);
	if (!strcmp(head, "ca"))
		return ref_ca(s, at, ref, rest, ret, err);
	if (!s->svc)
		return 1;
	if (!strcmp(head, "service") && s->claim) {
		if (str_starts(rest, "secret."))
			return ref_secret(s, at, ref, NULL, rest + 7, ret, err);
		if (str_starts(rest, "settings."))
			return ref_setting(s, at, ref, rest + 9, ret, err);
		if (str_starts(rest, "claims."))
			return ref_service_claim(s, at, ref, rest + 7, ret, err);
		return place_err(at, err,
			"${%s}: of the service there is secret.NAME, settings.NAME and claims.NAME.OUTPUT", ref);
	}
	if (!strcmp(head, "settings"))
		return ref_setting(s, at, ref, rest, ret, err);
	if (!strcmp(head, "secret"))
		return ref_secret(s, at, ref, s->claim, rest, ret, err);
	if (!strcmp(head, "saved"))
		return ref_saved(s, at, ref, rest, ret, err);
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
		if (!strcmp(rest, "layer"))
			return give_literal(s, ret, c->svc->def->layer);
		if (!strcmp(rest, "containers")) {
			claim_containers(s->pl, c, ret);
			return 0;
		}
		if (str_starts(rest, "secret."))
			return ref_secret(s, at, ref, c, rest + 7, ret, err);
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
	bool elsewhere = false; /* a fixed word that means something in other places */
	for (const char *const *r = reserved_names; *r; r++) {
		vec_push(&names, *r);
		elsewhere |= !strcmp(*r, head);
	}
	vec_push(&names, NULL);
	place_err(at, err, "${%s}: '%s' is not known here", ref, head);
	const char *near = elsewhere ? NULL : str_nearest(head, names.v);
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
