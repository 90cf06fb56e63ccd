/* The provision graphs: one per service with steps of its own, one per claim on an offer with steps. */
#include "plan/planner.h"
#include "plan/steps.h"

static void all_containers(struct planner *pl, const struct psvc *svc, struct str_list *out)
{
	const struct service *s = &pl->a->services.v[svc->index];
	for (size_t i = 0; i < s->n_containers; i++)
		list_add(pl->arena, out, pl->a->containers.v[s->first_container + i].name);
}

static bool has_own(const struct psvc *svc)
{
	return svc->def->provision && (svc->def->provision->kind != Y_LIST || svc->def->provision->n);
}

/* The service's own steps run when its containers are healthy, and after what was made for its claims. */
static int add_own(struct planner *pl, struct psvc *svc, struct err *err)
{
	struct provision *p = &pl->a->provisions.v[pl->a->provisions.n];
	struct scope s = {.pl = pl, .svc = svc};
	*p = (struct provision){.id = svc->def->name, .service = svc->def->name, .title = svc->def->summary};
	all_containers(pl, svc, &p->containers);
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].svc == svc && pl->claims[i].provision)
			list_add(pl->arena, &p->after, pl->claims[i].provision);
	p->steps = steps_json(&s, svc->def->provision, err);
	if (!p->steps)
		return -1;
	pl->a->provisions.n++;
	return 0;
}

static int add_claim(struct planner *pl, struct pclaim *c, struct err *err)
{
	struct provision *p = &pl->a->provisions.v[pl->a->provisions.n];
	struct scope s = {.pl = pl, .svc = c->provider, .claim = c};
	*p = (struct provision){.id = c->provision, .service = c->provider->def->name};
	p->title = arena_printf(pl->arena, "%s for %s", c->def->kind, c->svc->def->name);
	all_containers(pl, c->provider, &p->containers);
	if (has_own(c->provider))
		list_add(pl->arena, &p->after, c->provider->def->name);
	p->steps = steps_json(&s, c->offer->provision, err);
	if (!p->steps)
		return err_wrap(err, "%s.%s", c->svc->def->name, c->def->name);
	pl->a->provisions.n++;
	return 0;
}

int plan_provision(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	a->provisions.v = arena_alloc(pl->arena, (pl->n_svcs + pl->n_claims + 1) * sizeof *a->provisions.v);
	for (size_t i = 0; i < pl->n_svcs; i++)
		if (has_own(&pl->svcs[i]) && add_own(pl, &pl->svcs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].provision && add_claim(pl, &pl->claims[i], err) < 0)
			return -1;
	return 0;
}
