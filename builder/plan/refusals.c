/* Claims that an offer does not take, and settings that a service does not, though each is right by itself. */
#include "plan/planner.h"
#include "plan/rt.h"

/* A parameter that is `unique` names a thing of its own: no earlier claim on the same offer may have the same value. */
static int check_unique(const struct planner *pl, const struct pclaim *c, size_t param, struct err *err)
{
	const char *name = c->param_defs[param].name;
	for (const struct pclaim *other = pl->claims; c->param_defs[param].unique && other < c; other++) {
		if (other->offer != c->offer || strcmp(other->params[param].text, c->params[param].text) != 0)
			continue;
		const struct ynode *given = ynode_get(c->def->params, name);
		return ynode_err(given ? given : c->def->self, err, "%s: '%s' is what %s.%s has claimed of %s already",
			name, rtext_literal(pl->arena, c->params[param].text), other->svc->def->name, other->def->name,
			c->provider->def->name);
	}
	return 0;
}

/* The text of the first whose conditions all hold; NULL: none. */
static int refused(const struct scope *s, const refuse_defs *defs, const char **ret, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < defs->n && !*ret; i++) {
		const struct refuse_def *r = &defs->v[i];
		bool all = true;
		for (size_t k = 0; k < r->when.n && all; k++)
			if (eval_if(s, r->when.v[k], &all, err) < 0)
				return -1;
		if (all && eval_public(s, r->text, "text", ret, err) < 0)
			return -1;
	}
	return 0;
}

/* `refuse:` of the offer: what its parameters allow one by one, but not together or not in this profile. */
static int check_refusals(struct planner *pl, struct pclaim *c, struct err *err)
{
	struct scope offer = {.pl = pl, .svc = c->provider, .claim = c};
	const char *text;
	if (refused(&offer, &c->offer->refuse, &text, err) < 0)
		return -1;
	return text ? ynode_err(c->def->self, err, "%s.%s: %s", c->svc->def->name, c->def->name, text) : 0;
}

int plan_refusals(struct planner *pl, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		struct scope s = {.pl = pl, .svc = svc};
		const struct ynode *given = ynode_get(pl->profile->settings, svc->def->name);
		const char *text;
		if (refused(&s, &svc->def->refuse, &text, err) < 0)
			return -1;
		if (text)
			return ynode_err(given ? given : svc->def->self, err, "%s: %s", svc->def->name, text);
	}
	return 0;
}

int claim_refused(struct planner *pl, struct pclaim *c, struct err *err)
{
	for (size_t i = 0; i < c->n_params; i++)
		if (check_unique(pl, c, i, err) < 0)
			return -1;
	return check_refusals(pl, c, err);
}
