/* Claims: who fulfils them, their parameters and outputs. Values are found when first asked for, so that claims may use
 * one another's. */
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

static const struct offer_def *offer_of(const struct psvc *svc, const char *kind)
{
	for (size_t i = 0; i < svc->def->offers.n; i++)
		if (!strcmp(svc->def->offers.v[i].kind, kind))
			return &svc->def->offers.v[i];
	return NULL;
}

/* "from:" of the claim, else "providers:" of the profile. */
static const struct ynode *wanted_provider(const struct planner *pl, const struct claim_def *c)
{
	if (c->from)
		return c->from;
	for (size_t i = 0; i < pl->profile->providers.n; i++)
		if (!strcmp(pl->profile->providers.v[i].key->text, c->kind))
			return pl->profile->providers.v[i].value;
	return NULL;
}

static int named_provider(struct planner *pl, struct pclaim *c, const struct ynode *name, struct err *err)
{
	struct psvc *svc = svc_find(pl, name->text);
	if (svc) {
		c->offer = offer_of(svc, c->def->kind);
		if (!c->offer)
			return ynode_err(name, err, "'%s' does not offer '%s', which %s.%s claims", name->text,
				c->def->kind, c->svc->def->name, c->def->name);
		c->provider = svc;
		return 0;
	}
	if (c->def->optional && c->def->from)
		return 0;
	ynode_err(name, err, "'%s', which shall fulfil %s.%s (%s), is not in this profile", name->text,
		c->svc->def->name, c->def->name, c->def->kind);
	VEC(const char *) names = {0};
	for (size_t i = 0; i < pl->n_svcs; i++)
		if (offer_of(&pl->svcs[i], c->def->kind))
			vec_push(&names, pl->svcs[i].def->name);
	vec_push(&names, NULL);
	bind_hint(err, name->text, names.v);
	vec_release(&names);
	return -1;
}

/* No provider in the profile: name those that could be added. */
static int unmet(struct planner *pl, const struct pclaim *c, struct err *err)
{
	ynode_err(c->def->self, err, "%s.%s claims '%s', and no service of this profile offers it", c->svc->def->name,
		c->def->name, c->def->kind);
	err->kind = ERR_RESOLVE;
	_cleanup_strvec_ struct strvec could = STRVEC_INIT;
	for (const char *const *name = roots_services(&pl->roots, pl->arena); *name; name++) {
		struct err ignored = ERR_INIT;
		struct found f;
		if (!roots_service(&pl->roots, pl->arena, *name, &f))
			continue;
		const struct ynode *root = yaml_load(pl->arena, f.path, f.shown, &ignored);
		err_release(&ignored);
		if (root && ynode_get(ynode_get(root, "offers"), c->def->kind))
			strvec_add(&could, *name);
	}
	if (!could.n)
		return err_hint(err, "no overlay offers '%s'; a claim may be `optional: true`", c->def->kind);
	_cleanup_free_ char *list = strvec_join(&could, ", ");
	return err_hint(err, "add to `services:` of the profile: %s", list);
}

static int find_provider(struct planner *pl, struct pclaim *c, struct err *err)
{
	const struct ynode *name = wanted_provider(pl, c->def);
	if (name)
		return named_provider(pl, c, name, err);
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		const struct offer_def *o = offer_of(&pl->svcs[i], c->def->kind);
		if (!o)
			continue;
		c->provider = &pl->svcs[i];
		c->offer = o;
		strvec_add(&all, pl->svcs[i].def->name);
	}
	if (all.n == 1 || (!all.n && c->def->optional))
		return 0;
	if (!all.n)
		return unmet(pl, c, err);
	_cleanup_free_ char *list = strvec_join(&all, ", ");
	ynode_err(c->def->self, err, "%s.%s claims '%s', and several services offer it: %s", c->svc->def->name,
		c->def->name, c->def->kind, list);
	err->kind = ERR_RESOLVE;
	return err_hint(err, "choose in the profile, `providers: {%s: %s}`, or in the claim, `from: %s`", c->def->kind,
		all.v[0], all.v[0]);
}

static const struct typed_def container_param = {.name = "container", .type = "container"};

static void prepare(struct planner *pl, struct pclaim *c)
{
	c->container = -1;
	if (!c->offer)
		return;
	const typed_defs *defs = &c->offer->params;
	size_t n_saves = 0;
	while (c->offer->saves.n && saves_params[n_saves])
		n_saves++;
	bool has = !c->offer->calls.n && !c->offer->saves.n;
	for (size_t i = 0; i < defs->n; i++)
		has |= !strcmp(defs->v[i].name, "container");
	struct typed_def *all = arena_alloc(pl->arena, (defs->n + n_saves + 1) * sizeof *all);
	if (defs->n)
		memcpy(all, defs->v, defs->n * sizeof *all);
	c->n_params = defs->n;
	if (!has)
		all[c->n_params++] = container_param;
	for (size_t i = 0; i < n_saves; i++)
		all[c->n_params++] = *saves_params[i];
	c->param_defs = all;
	c->params = arena_alloc(pl->arena, (c->n_params + 1) * sizeof *c->params);
	c->params_state = arena_alloc(pl->arena, (c->n_params + 1) * sizeof *c->params_state);
	c->outputs = arena_alloc(pl->arena, (c->offer->gives.n + 1) * sizeof *c->outputs);
	c->outputs_state = arena_alloc(pl->arena, (c->offer->gives.n + 1) * sizeof *c->outputs_state);
	if (c->offer->provision && (c->offer->provision->kind != Y_LIST || c->offer->provision->n))
		c->provision = arena_printf(pl->arena, "%s.%s", c->svc->def->name, c->def->name);
}

static int check_param_names(const struct pclaim *c, struct err *err)
{
	const struct ynode *given = c->def->params;
	VEC(const char *) names = {0};
	for (size_t i = 0; i < c->n_params; i++)
		vec_push(&names, c->param_defs[i].name);
	vec_push(&names, NULL);
	int r = 0;
	for (size_t i = 0; given && given->kind == Y_MAP && i < given->n && r == 0; i++) {
		const struct ynode *key = given->pairs[i].key;
		size_t k = 0;
		while (names.v[k] && strcmp(names.v[k], key->text) != 0)
			k++;
		if (!names.v[k]) {
			ynode_err(key, err, "%s: the offer '%s' of %s has no parameter of that name", key->text,
				c->def->kind, c->provider->def->name);
			r = bind_hint(err, key->text, names.v);
		}
	}
	vec_release(&names);
	return r;
}

int plan_claims(struct planner *pl, struct err *err)
{
	VEC(struct pclaim) all = {0};
	for (size_t i = 0; i < pl->n_svcs; i++)
		for (size_t k = 0; k < pl->svcs[i].def->claims.n; k++) {
			struct pclaim c = {.svc = &pl->svcs[i], .def = &pl->svcs[i].def->claims.v[k]};
			vec_push(&all, c);
		}
	pl->n_claims = all.n;
	pl->claims = arena_alloc(pl->arena, (all.n + 1) * sizeof *pl->claims);
	if (all.n)
		memcpy(pl->claims, all.v, all.n * sizeof *pl->claims);
	vec_release(&all);
	for (size_t i = 0; i < pl->n_claims; i++) {
		struct pclaim *c = &pl->claims[i];
		if (find_provider(pl, c, err) < 0)
			return -1;
		prepare(pl, c);
		if (c->offer && check_param_names(c, err) < 0)
			return -1;
	}
	return 0;
}

struct pclaim *claim_find(const struct planner *pl, const struct psvc *svc, const char *name)
{
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].svc == svc && !strcmp(pl->claims[i].def->name, name))
			return &pl->claims[i];
	return NULL;
}

void claims_on(const struct planner *pl, const struct psvc *provider, const char *kind, struct value *ret)
{
	*ret = (struct value){.kind = V_CLAIMS, .text = ""};
	ret->claims = arena_alloc(pl->arena, (pl->n_claims + 1) * sizeof(struct pclaim *));
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].provider == provider && !strcmp(pl->claims[i].def->kind, kind))
			ret->claims[ret->n++] = &pl->claims[i];
}

/* `container:` of a claim: what is given, else the claimant's only container. */
static int container_value(struct planner *pl, struct pclaim *c, const struct typed_def *t, const struct ynode *n,
	struct value *ret, struct err *err)
{
	const struct service_def *def = c->svc->def;
	VEC(const char *) names = {0};
	for (size_t i = 0; i < def->containers.n; i++)
		vec_push(&names, def->containers.v[i].name);
	vec_push(&names, NULL);
	const char *name = def->containers.n == 1 ? names.v[0] : NULL;
	int r = 0;
	if (n) {
		struct scope s = {.pl = pl, .svc = c->svc};
		r = n->kind == Y_SCALAR ? eval_known(&s, n, t->name, &name, err)
					: bind_expected(n, t->name, "a container", err);
	}
	if (r == 0 && !name) {
		r = ynode_err(c->def->self, err, "%s: container: %s has %s; say which one", c->def->name, def->name,
			def->containers.n ? "several containers" : "no container");
		bind_hint(err, "", names.v);
	}
	long k = r == 0 ? svc_container(c->svc, name) : -1;
	if (r == 0 && k < 0) {
		ynode_err(n, err, "container: %s has no container '%s'", def->name, name);
		r = bind_hint(err, name, names.v);
	}
	vec_release(&names);
	c->container = k;
	*ret = (struct value){.kind = V_TEXT, .text = name};
	return r;
}

static int param_value(struct planner *pl, struct pclaim *c, size_t i, struct err *err)
{
	const struct typed_def *t = &c->param_defs[i];
	const struct ynode *given = ynode_get(c->def->params, t->name);
	if (!strcmp(t->type, "container"))
		return container_value(pl, c, t, given, &c->params[i], err);
	struct scope claimant = {.pl = pl, .svc = c->svc}, offer = {.pl = pl, .svc = c->provider, .claim = c};
	if (given)
		return typed_eval(&claimant, t, given, &c->params[i], err);
	if (!strcmp(t->type, "model")) {
		c->params[i] = (struct value){.kind = V_TEXT};
		return model_value(pl, c->def->self, t->name, "", &c->params[i].text, err);
	}
	if (t->preset)
		return typed_eval(&offer, t, t->preset, &c->params[i], err);
	ynode_err(c->def->self, err, "%s: the parameter '%s' is missing", c->def->name, t->name);
	return err_hint(err, "%s offers '%s' with %s: {type: %s}%s%s", c->provider->def->name, c->def->kind, t->name,
		t->type, t->help ? ": " : "", t->help ? t->help : "");
}

/* Run `find` once; meeting it again meanwhile is a circle. */
static int once(struct pclaim *c, const char *name, enum resolve_state *state, struct planner *pl, size_t i,
	int (*find)(struct planner *, struct pclaim *, size_t, struct err *), struct err *err)
{
	if (*state == RESOLVE_DONE)
		return 0;
	if (*state == RESOLVE_BUSY)
		return ynode_err(c->def->self, err, "%s.%s: the value of '%s' depends on itself", c->svc->def->name,
			c->def->name, name);
	*state = RESOLVE_BUSY;
	int r = find(pl, c, i, err);
	*state = RESOLVE_DONE;
	return r;
}

static int output_value(struct planner *pl, struct pclaim *c, size_t i, struct err *err)
{
	struct scope offer = {.pl = pl, .svc = c->provider, .claim = c};
	return eval_node(&offer, c->offer->gives.v[i].value, c->offer->gives.v[i].key->text, &c->outputs[i], err);
}

/* 0 found, 1 there is none of that name, -1 error. */
static int find_param(struct planner *pl, struct pclaim *c, const char *name, struct value *ret, struct err *err)
{
	for (size_t i = 0; i < c->n_params; i++)
		if (!strcmp(c->param_defs[i].name, name)) {
			if (once(c, name, &c->params_state[i], pl, i, param_value, err) < 0)
				return -1;
			*ret = c->params[i];
			return 0;
		}
	return 1;
}

static int find_output(struct planner *pl, struct pclaim *c, const char *name, struct value *ret, struct err *err)
{
	for (size_t i = 0; i < c->offer->gives.n; i++)
		if (!strcmp(c->offer->gives.v[i].key->text, name)) {
			if (once(c, name, &c->outputs_state[i], pl, i, output_value, err) < 0)
				return -1;
			*ret = c->outputs[i];
			return 0;
		}
	return 1;
}

int claim_member(const struct scope *s, struct pclaim *c, const struct place *at, const char *name, bool params,
	struct value *ret, struct err *err)
{
	if (!c->provider) { /* optional and unfulfilled: everything is empty */
		*ret = (struct value){.kind = V_TEXT, .text = ""};
		return 0;
	}
	int r = params ? find_param(s->pl, c, name, ret, err) : 1;
	if (r == 1)
		r = find_output(s->pl, c, name, ret, err);
	if (r <= 0)
		return r;
	VEC(const char *) names = {0};
	for (size_t i = 0; params && i < c->n_params; i++)
		vec_push(&names, c->param_defs[i].name);
	for (size_t i = 0; i < c->offer->gives.n; i++)
		vec_push(&names, c->offer->gives.v[i].key->text);
	vec_push(&names, NULL);
	place_err(at, err, "'%s' of %s has no %s '%s'", c->def->kind, c->provider->def->name,
		params ? "parameter or output" : "output", name);
	bind_hint(err, name, names.v);
	vec_release(&names);
	return -1;
}

void claim_containers(const struct planner *pl, const struct pclaim *c, struct value *ret)
{
	if (c->container >= 0) {
		svc_instances(pl, c->svc, c->container, ret);
		return;
	}
	const struct service *svc = &pl->a->services.v[c->svc->index];
	*ret = (struct value){.kind = V_CONTAINERS, .n = svc->n_containers};
	ret->containers = arena_alloc(pl->arena, (ret->n + 1) * sizeof *ret->containers);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (size_t i = 0; i < ret->n; i++) {
		ret->containers[i] = &pl->a->containers.v[svc->first_container + i];
		strbuf_addf(&b, "%s%s", i ? " " : "", ret->containers[i]->name);
	}
	ret->text = arena_strdup(pl->arena, strbuf_cstr(&b));
}

/* All values of all claims, into the appliance. */
int plan_claim_values(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	a->claims.n = pl->n_claims;
	a->claims.v = arena_alloc(pl->arena, (pl->n_claims + 1) * sizeof *a->claims.v);
	for (size_t i = 0; i < pl->n_claims; i++)
		a->claims.v[i].params = json_object();
	for (size_t i = 0; i < pl->n_claims; i++) {
		struct pclaim *c = &pl->claims[i];
		struct claim *out = &a->claims.v[i];
		struct value v;
		out->service = c->svc->def->name;
		out->name = c->def->name;
		out->kind = c->def->kind;
		out->provider = c->provider ? c->provider->def->name : NULL;
		out->provision = c->provision;
		out->where = arena_printf(
			pl->arena, "%s:%u:%u", c->def->self->file, c->def->self->line, c->def->self->column);
		for (size_t k = 0; k < c->n_params; k++) {
			if (find_param(pl, c, c->param_defs[k].name, &v, err) < 0)
				return -1;
			json_object_set_new(out->params, c->param_defs[k].name, typed_json(&c->param_defs[k], &v));
		}
		if (!c->offer)
			continue;
		if (claim_refused(pl, c, err) < 0)
			return -1;
		struct scope offer = {.pl = pl, .svc = c->provider, .claim = c};
		if (c->offer->link && eval_public(&offer, c->offer->link, "link", &out->link, err) < 0)
			return -1;
		out->outputs.n = c->offer->gives.n;
		out->outputs.v = arena_alloc(pl->arena, (c->offer->gives.n + 1) * sizeof *out->outputs.v);
		for (size_t k = 0; k < c->offer->gives.n; k++) {
			const char *name = c->offer->gives.v[k].key->text;
			if (find_output(pl, c, name, &v, err) < 0)
				return -1;
			out->outputs.v[k] = (struct kv){.key = name, .value = v.text, .secret = v.secret};
		}
	}
	return 0;
}
