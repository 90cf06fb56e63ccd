/* Claims that an offer does not take, though each of their parameters is right by itself. */
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

/* `refuse:` of the offer: what its parameters allow one by one, but not together or not in this profile. */
static int check_refusals(struct planner *pl, struct pclaim *c, struct err *err)
{
	struct scope offer = {.pl = pl, .svc = c->provider, .claim = c};
	for (size_t i = 0; i < c->offer->refuse.n; i++) {
		const struct refuse_def *r = &c->offer->refuse.v[i];
		bool all = true;
		const char *text;
		for (size_t k = 0; k < r->when.n && all; k++) {
			struct place at = place_of(r->when.v[k], "if");
			if (eval_cond(&offer, &at, r->when.v[k]->text, &all, err) < 0)
				return -1;
		}
		if (!all)
			continue;
		if (eval_public(&offer, r->text, "text", &text, err) < 0)
			return -1;
		return ynode_err(c->def->self, err, "%s.%s: %s", c->svc->def->name, c->def->name, text);
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
