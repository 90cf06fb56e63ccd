/* Further names of containers on the network: their own, and those that claims add (`aliases` of an offer). */
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

/* A name is wanted at build time: facts take the profile's value. */
static int name_text(const struct scope *s, const struct ynode *n, const char **ret, struct err *err)
{
	static const char ref[] = "${fact:domain}";
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *text;
	if (eval_public(s, n, "aliases", &text, err) < 0)
		return -1;
	for (const char *p; (p = strstr(text, ref)); text = p + strlen(ref)) {
		strbuf_add(&b, text, (size_t)(p - text));
		strbuf_adds(&b, s->pl->profile->domain);
	}
	strbuf_adds(&b, text);
	*ret = arena_strdup(s->pl->arena, strbuf_cstr(&b));
	size_t len = strspn(*ret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
	if (!len || (*ret)[len] || len > 253)
		return bind_expected(n, "aliases", "a host name", err);
	return 0;
}

/* No name may mean containers of two services, or one container twice. */
static int add_name(
	struct planner *pl, struct container *c, const char *name, const struct ynode *place, struct err *err)
{
	const struct appliance *a = pl->a;
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *o = &a->containers.v[i];
		bool own = !strcmp(o->service, c->service) && !strcmp(o->base, c->base) && o != c;
		if (!own && (!strcmp(o->name, name) || list_has(&o->aliases, name)))
			return ynode_err(
				place, err, "aliases: '%s' is a name of the container '%s' already", name, o->name);
	}
	list_add(pl->arena, &c->aliases, name);
	return 0;
}

static int add_names(const struct scope *s, const struct ynode *list, size_t first, size_t count,
	const struct ynode *place, struct err *err)
{
	if (list->kind != Y_LIST)
		return bind_expected(list, "aliases", "a list of names", err);
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < count; k++) {
			struct scope inner = *s;
			const char *name;
			if (!s->claim)
				inner.container = &s->pl->a->containers.v[first + k];
			if (list->items[i]->kind != Y_SCALAR)
				return bind_expected(list->items[i], "aliases", "a name", err);
			if (name_text(&inner, list->items[i], &name, err) < 0 ||
				add_name(s->pl, &s->pl->a->containers.v[first + k], name,
					place ? place : list->items[i], err) < 0)
				return -1;
		}
	return 0;
}

static int claim_aliases(struct planner *pl, struct pclaim *c, struct err *err)
{
	const struct ynode *map = c->offer->aliases;
	struct scope s = {.pl = pl, .svc = c->provider, .claim = c};
	if (map->kind != Y_MAP)
		return bind_expected(map, "aliases", "a mapping of containers to names", err);
	for (size_t i = 0; i < map->n; i++) {
		long k = svc_container(c->provider, map->pairs[i].key->text);
		if (k < 0)
			return ynode_err(map->pairs[i].key, err, "aliases: %s has no container '%s'",
				c->provider->def->name, map->pairs[i].key->text);
		if (add_names(&s, map->pairs[i].value, c->provider->first[k], c->provider->count[k], c->def->self,
			    err) < 0)
			return -1;
	}
	return 0;
}

int plan_aliases(struct planner *pl, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		struct scope s = {.pl = pl, .svc = svc};
		for (size_t k = 0; k < svc->def->containers.n; k++) {
			const struct ylist *l = &svc->def->containers.v[k].aliases;
			struct ynode list = {.kind = Y_LIST, .items = l->v, .n = l->n};
			if (l->n && add_names(&s, &list, svc->first[k], svc->count[k], NULL, err) < 0)
				return -1;
		}
	}
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].offer && pl->claims[i].offer->aliases && claim_aliases(pl, &pl->claims[i], err) < 0)
			return -1;
	return 0;
}
