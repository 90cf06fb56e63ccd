/* What the machine must generate: the services' secrets and those of each claim. */
#include "base/vec.h"
#include "plan/planner.h"

struct collect {
	struct planner *pl;
	VEC(struct secret_spec) all;
};

static int add_certificate(const struct scope *s, const struct secret_def *d, const struct psvc *holder,
	struct secret_spec *out, struct err *err)
{
	const struct cert_def *cert = d->certificate;
	out->kind = SECRET_CERT;
	out->site = cert->site;
	if (eval_publics(s, &cert->names, "names", &out->names, err) < 0)
		return -1;
	for (size_t i = 0; i < holder->def->containers.n; i++) {
		bool wanted = !cert->containers.n;
		for (size_t k = 0; k < cert->containers.n; k++)
			wanted |= !strcmp(cert->containers.v[k]->text, holder->def->containers.v[i].name);
		struct value v;
		svc_instances(s->pl, holder, (long)i, &v);
		for (size_t k = 0; wanted && k < v.n; k++)
			list_add(s->pl->arena, &out->containers, v.containers[k]->name);
	}
	for (size_t i = 0; i < cert->containers.n; i++)
		if (svc_container(holder, cert->containers.v[i]->text) < 0)
			return ynode_err(cert->containers.v[i], err, "containers: %s has no container '%s'",
				holder->def->name, cert->containers.v[i]->text);
	return 0;
}

static int add(struct collect *c, const struct scope *s, const secret_defs *defs, const char *prefix,
	const struct psvc *holder, struct err *err)
{
	for (size_t i = 0; i < defs->n; i++) {
		const struct secret_def *d = &defs->v[i];
		struct secret_spec out = {.bytes = (unsigned)d->bytes, .encoding = d->encoding, .given = d->given};
		out.id = arena_printf(c->pl->arena, "%s/%s", prefix, d->name);
		if (d->certificate && d->show)
			return ynode_err(d->show, err, "show: '%s' is a certificate, which nobody types", d->name);
		bool wanted;
		if (eval_if(s, d->when, &wanted, err) < 0)
			return -1;
		if (!wanted)
			continue;
		if (d->certificate && add_certificate(s, d, holder, &out, err) < 0)
			return -1;
		if (d->show && eval_public(s, d->show, "show", &out.show, err) < 0)
			return -1;
		vec_push(&c->all, out);
	}
	return 0;
}

static int collect_all(struct collect *c, struct err *err)
{
	struct planner *pl = c->pl;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct scope s = {.pl = pl, .svc = &pl->svcs[i]};
		if (add(c, &s, &pl->svcs[i].def->secrets, pl->svcs[i].def->name, &pl->svcs[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < pl->n_claims; i++) {
		struct pclaim *k = &pl->claims[i];
		if (!k->provider)
			continue;
		struct scope s = {.pl = pl, .svc = k->provider, .claim = k};
		const char *prefix = arena_printf(pl->arena, "%s/%s", k->svc->def->name, k->def->name);
		if (add(c, &s, &k->offer->secrets, prefix, k->svc, err) < 0)
			return -1;
	}
	return 0;
}

int plan_secrets(struct planner *pl, struct err *err)
{
	struct collect c = {.pl = pl};
	int r = collect_all(&c, err);
	pl->a->secrets.n = c.all.n;
	pl->a->secrets.v = arena_alloc(pl->arena, (c.all.n + 1) * sizeof *pl->a->secrets.v);
	if (c.all.n)
		memcpy(pl->a->secrets.v, c.all.v, c.all.n * sizeof *pl->a->secrets.v);
	vec_release(&c.all);
	return r;
}
