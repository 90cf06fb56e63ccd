/* Which services a profile has, and their settings. */
#include "base/vec.h"
#include "plan/planner.h"

struct psvc *svc_find(const struct planner *pl, const char *name)
{
	for (size_t i = 0; i < pl->n_svcs; i++)
		if (!strcmp(pl->svcs[i].def->name, name))
			return &pl->svcs[i];
	return NULL;
}

long svc_container(const struct psvc *svc, const char *name)
{
	for (size_t i = 0; i < svc->def->containers.n; i++)
		if (!strcmp(svc->def->containers.v[i].name, name))
			return (long)i;
	return -1;
}

void svc_instances(const struct planner *pl, const struct psvc *svc, long container, struct value *ret)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	*ret = (struct value){.kind = V_CONTAINERS, .n = svc->count[container]};
	ret->containers = arena_alloc(pl->arena, (ret->n + 1) * sizeof *ret->containers);
	for (size_t i = 0; i < ret->n; i++) {
		ret->containers[i] = &pl->a->containers.v[svc->first[container] + i];
		strbuf_addf(&b, "%s%s", i ? " " : "", ret->containers[i]->name);
	}
	ret->text = arena_strdup(pl->arena, strbuf_cstr(&b));
}

void svc_layers(const struct planner *pl, struct value *ret)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	*ret = (struct value){.kind = V_LIST};
	ret->list = arena_alloc(pl->arena, (pl->n_svcs + 1) * sizeof *ret->list);
	for (size_t i = 0; i < pl->n_svcs; i++) { /* they are by layer */
		const struct service_def *d = pl->svcs[i].def;
		if (!d->containers.n || (ret->n && !strcmp(ret->list[ret->n - 1], d->layer)))
			continue;
		strbuf_addf(&b, "%s%s", ret->n ? " " : "", d->layer);
		ret->list[ret->n++] = d->layer;
	}
	ret->text = arena_strdup(pl->arena, strbuf_cstr(&b));
}

static bool names_has(const struct ylist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i]->text, name))
			return true;
	return false;
}

static size_t layer_rank(const char *layer)
{
	size_t i = 0;
	while (layer_names[i] && strcmp(layer_names[i], layer) != 0)
		i++;
	return i;
}

static int by_layer(const void *a, const void *b)
{
	const struct service_def *x = ((const struct psvc *)a)->def, *y = ((const struct psvc *)b)->def;
	size_t i = layer_rank(x->layer), k = layer_rank(y->layer);
	return i != k ? (i > k) - (i < k) : strcmp(x->name, y->name);
}

/* Is a name of the profile that of some service? */
static int check_exists(struct planner *pl, const struct ynode *name, const char *key, struct err *err)
{
	struct found f;
	if (roots_service(&pl->roots, pl->arena, name->text, &f))
		return 0;
	ynode_err(name, err, "%s: there is no service '%s'", key, name->text);
	return bind_hint(err, name->text, roots_services(&pl->roots, pl->arena));
}

/* What the profile says of a service must be of one of its own; of an excluded one it is left alone. */
static int check_present(struct planner *pl, const struct ynode *key, const char *what, struct err *err)
{
	if (check_exists(pl, key, what, err) < 0)
		return -1;
	if (svc_find(pl, key->text) || names_has(&pl->profile->exclude, key->text))
		return 0;
	ynode_err(key, err, "%s: '%s' is not in this profile", what, key->text);
	return err_hint(err, "add it to `services:`, or take its %s out", what);
}

static const struct ynode *variant_for(const struct planner *pl, const char *name)
{
	for (size_t i = 0; i < pl->profile->variants.n; i++)
		if (!strcmp(pl->profile->variants.v[i].key->text, name))
			return pl->profile->variants.v[i].value;
	return NULL;
}

static int load(struct planner *pl, const char *name, struct service_def **ret, struct err *err)
{
	struct found f;
	if (!roots_service(&pl->roots, pl->arena, name, &f))
		return err_set(err, ERR_CONFIG, "there is no service '%s'", name);
	if (f.also) {
		err_set(err, ERR_CONFIG, "%s: there is a service '%s' in the layer %s as well", f.shown, name, f.also);
		return err_hint(err, "names of services are unique");
	}
	const struct ynode *gpu = pl->profile->gpu;
	*ret = service_load(pl->arena, f.path, f.shown, f.layer, variant_for(pl, name), gpu ? gpu->text : NULL, err);
	return *ret ? 0 : -1;
}

/* Services of overlays/base with `always: true`. */
static bool is_always(struct planner *pl, const char *name)
{
	struct err ignored = ERR_INIT;
	struct found f;
	if (!roots_service(&pl->roots, pl->arena, name, &f) || strcmp(f.layer, "base") != 0)
		return false;
	const struct ynode *root = yaml_load(pl->arena, f.path, f.shown, &ignored);
	const struct ynode *always = ynode_get(root, "always");
	bool broken = !root;
	err_release(&ignored);
	/* A broken base file is loaded too, so that its error is seen. */
	return broken || (always && always->kind == Y_SCALAR && !strcmp(always->text, "true"));
}

int plan_services(struct planner *pl, struct err *err)
{
	const struct profile *p = pl->profile;
	for (size_t i = 0; i < p->services.n; i++)
		if (check_exists(pl, p->services.v[i], "services", err) < 0)
			return -1;
	for (size_t i = 0; i < p->exclude.n; i++)
		if (check_exists(pl, p->exclude.v[i], "exclude", err) < 0)
			return -1;
		else if (is_always(pl, p->exclude.v[i]->text))
			return ynode_err(p->exclude.v[i], err, "exclude: '%s' is part of every appliance",
				p->exclude.v[i]->text);
	const char *const *names = roots_services(&pl->roots, pl->arena);
	size_t n = 0;
	while (names[n])
		n++;
	pl->svcs = arena_alloc(pl->arena, (n + 1) * sizeof *pl->svcs);
	for (const char *const *name = names; *name; name++) {
		bool wanted = names_has(&p->services, *name) && !names_has(&p->exclude, *name);
		if (!wanted && !is_always(pl, *name))
			continue;
		struct service_def *def = NULL;
		if (load(pl, *name, &def, err) < 0)
			return -1;
		pl->svcs[pl->n_svcs++].def = def;
	}
	qsort(pl->svcs, pl->n_svcs, sizeof *pl->svcs, by_layer);
	for (size_t i = 0; i < p->variants.n; i++)
		if (check_present(pl, p->variants.v[i].key, "variants", err) < 0)
			return -1;
	return 0;
}

static int check_settings(struct planner *pl, struct err *err)
{
	const struct ynode *all = pl->profile->settings;
	if (!all)
		return 0;
	if (all->kind != Y_MAP)
		return bind_expected(all, "settings", "a mapping of services", err);
	for (size_t i = 0; i < all->n; i++) {
		const struct ynode *key = all->pairs[i].key, *value = all->pairs[i].value;
		const struct psvc *svc = svc_find(pl, key->text);
		if (check_present(pl, key, "settings", err) < 0)
			return -1;
		if (value->kind != Y_MAP)
			return bind_expected(value, key->text, "a mapping of settings", err);
		VEC(const char *) names = {0};
		for (size_t k = 0; svc && k < svc->def->settings.n; k++)
			vec_push(&names, svc->def->settings.v[k].name);
		vec_push(&names, NULL);
		int r = 0;
		for (size_t k = 0; svc && k < value->n && r == 0; k++) {
			const char *word = value->pairs[k].key->text;
			size_t m = 0;
			while (names.v[m] && strcmp(names.v[m], word) != 0)
				m++;
			if (!names.v[m]) {
				ynode_err(value->pairs[k].key, err, "%s: %s has no setting of that name", word,
					key->text);
				r = bind_hint(err, word, names.v);
			}
		}
		vec_release(&names);
		if (r < 0)
			return -1;
	}
	return 0;
}

int plan_settings(struct planner *pl, struct err *err)
{
	if (check_settings(pl, err) < 0)
		return -1;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		const typed_defs *defs = &svc->def->settings;
		const struct ynode *given = ynode_get(pl->profile->settings, svc->def->name);
		/* A setting's default may use the profile's facts, but no other settings. */
		struct scope s = {.pl = pl};
		svc->index = i;
		svc->settings = arena_alloc(pl->arena, (defs->n + 1) * sizeof *svc->settings);
		for (size_t k = 0; k < defs->n; k++) {
			const struct ynode *n = ynode_get(given, defs->v[k].name);
			n = n ? n : defs->v[k].preset;
			if (!n) {
				ynode_err(pl->profile->self, err, "the setting '%s' of %s must be given",
					defs->v[k].name, svc->def->name);
				return err_hint(err, "settings: {%s: {%s: ...}}", svc->def->name, defs->v[k].name);
			}
			if (typed_eval(&s, &defs->v[k], n, &svc->settings[k], err) < 0)
				return -1;
		}
	}
	return 0;
}
