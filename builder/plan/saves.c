/* Offers that `saves`: what kiln-agent keeps copies of, and where. One service of an appliance offers that. */
#include "base/vec.h"
#include "plan/planner.h"

static const char *const option_names[] = {"target", "disk", "address", "bucket", "region", "access_key", "secret_key",
	"folder", "keep_last", "keep_daily", "keep_weekly", "timer", NULL};

static int check_options(const struct offer_def *o, struct err *err)
{
	for (size_t i = 0; i < o->saves.n; i++) {
		const char *key = o->saves.v[i].key->text;
		size_t k = 0;
		while (option_names[k] && strcmp(option_names[k], key) != 0)
			k++;
		if (option_names[k])
			continue;
		ynode_err(o->saves.v[i].key, err, "saves: unknown key '%s'", key);
		return bind_hint(err, key, option_names);
	}
	return 0;
}

static int value_of(struct planner *pl, struct pclaim *c, const char *name, struct value *v, struct err *err)
{
	struct scope s = {.pl = pl, .svc = c->provider, .claim = c};
	struct place at = place_of(c->def->self, name);
	if (claim_member(&s, c, &at, name, true, v, err) < 0)
		return -1;
	return v->secret ? leak_err(&at, v, err) : 0;
}

static int command_of(struct planner *pl, struct pclaim *c, const char *name, struct str_list *out, struct err *err)
{
	struct value v;
	if (value_of(pl, c, name, &v, err) < 0)
		return -1;
	if (!v.n)
		return ynode_err(c->def->self, err, "%s: %s: the command is empty", c->def->name, name);
	for (size_t i = 0; i < v.n; i++)
		list_add(pl->arena, out, v.list[i]);
	return 0;
}

/* Who has claimed anything of the service, and says `restored: restart`. */
static void add_restarts(struct planner *pl, const struct psvc *svc, struct str_list *out)
{
	for (size_t i = 0; i < pl->n_claims; i++) {
		struct value v;
		if (pl->claims[i].provider != svc || !pl->claims[i].def->restarts)
			continue;
		claim_containers(pl, &pl->claims[i], &v);
		for (size_t k = 0; k < v.n; k++)
			if (!list_has(out, v.containers[k]->name))
				list_add(pl->arena, out, v.containers[k]->name);
	}
}

static int add(struct planner *pl, struct pclaim *c, struct saved *out, struct err *err)
{
	struct value v;
	uint64_t ms = 0;
	*out = (struct saved){
		.id = arena_printf(pl->arena, "%s.%s", c->svc->def->name, c->def->name), .service = c->svc->def->name};
	if (command_of(pl, c, "save", &out->save, err) < 0 || command_of(pl, c, "load", &out->load, err) < 0 ||
		value_of(pl, c, "user", &v, err) < 0)
		return -1;
	out->user = *v.text ? v.text : NULL;
	if (value_of(pl, c, "timeout", &v, err) < 0)
		return -1;
	out->timeout_ms = str_to_ms(v.text, &ms) ? ms : 0;
	claim_containers(pl, c, &v);
	for (size_t i = 0; i < v.n; i++)
		list_add(pl->arena, &out->containers, v.containers[i]->name);
	add_restarts(pl, c->svc, &out->restart);
	return 0;
}

static int provider(struct planner *pl, struct psvc *svc, const struct offer_def *o, struct err *err)
{
	struct appliance *a = pl->a;
	struct scope s = {.pl = pl, .svc = svc};
	if (a->saves.service) {
		ynode_err(o->self, err, "saves: %s does that already", a->saves.service);
		return err_hint(err, "an appliance keeps its copies in one place: take one of both out of the profile");
	}
	a->saves.service = svc->def->name;
	return check_options(o, err) < 0 ? -1 : eval_map(&s, &o->saves, true, &a->saves.options, err);
}

int plan_saves(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	for (size_t i = 0; i < pl->n_svcs; i++)
		for (size_t k = 0; k < pl->svcs[i].def->offers.n; k++)
			if (pl->svcs[i].def->offers.v[k].saves.n &&
				provider(pl, &pl->svcs[i], &pl->svcs[i].def->offers.v[k], err) < 0)
				return -1;
	a->saves.v = arena_alloc(pl->arena, (pl->n_claims + 1) * sizeof *a->saves.v);
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].offer && pl->claims[i].offer->saves.n &&
			add(pl, &pl->claims[i], &a->saves.v[a->saves.n++], err) < 0)
			return -1;
	return 0;
}
