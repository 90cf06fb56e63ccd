/* Published ports: what the machine itself answers on. */
#include "base/vec.h"
#include "plan/planner.h"
#include <arpa/inet.h>

struct entry {
	struct publish p;
	const struct publish_def *def;
	const char *service;
};
struct ports {
	struct planner *pl;
	VEC(struct entry) all;
};

/* The one running container that a published port leads to; NULL where the service has none: the machine itself. */
static int target(const struct scope *s, const struct publish_def *d, const char **ret, struct err *err)
{
	const struct psvc *svc = s->svc;
	const char *name = svc->def->containers.n == 1 ? svc->def->containers.v[0].name : NULL;
	*ret = NULL;
	if (!svc->def->containers.n) {
		const struct ynode *extra = d->container ? d->container : d->to;
		return extra ? ynode_err(extra, err, "publish: %s has no containers: the machine itself has the port",
				       svc->def->name)
			     : 0;
	}
	VEC(const char *) names = {0};
	for (size_t k = 0; k < svc->def->containers.n; k++)
		vec_push(&names, svc->def->containers.v[k].name);
	vec_push(&names, NULL);
	int r = d->container ? eval_known(s, d->container, "container", &name, err) : 0;
	if (r == 0 && !name) {
		ynode_err(d->self, err, "publish: container: say which one");
		r = bind_hint(err, "", names.v);
	}
	long k = r == 0 ? svc_container(svc, name) : -1;
	if (r == 0 && k < 0) {
		ynode_err(d->container, err, "container: %s has no container '%s'", svc->def->name, name);
		r = bind_hint(err, name, names.v);
	} else if (r == 0 && svc->count[k] != 1) {
		r = ynode_err(d->self, err, "publish: '%s' has %zu instances, and one port leads to one container",
			name, svc->count[k]);
	}
	vec_release(&names);
	if (r == 0)
		*ret = s->pl->a->containers.v[svc->first[k]].name;
	return r;
}

static bool same_port(const struct publish *a, const struct publish *b)
{
	bool everywhere = !a->address || !b->address;
	return a->host_port == b->host_port && !strcmp(a->protocol, b->protocol) &&
	       (everywhere || !strcmp(a->address, b->address));
}

static int add(struct ports *t, struct psvc *svc, const struct publish_def *d, struct err *err)
{
	struct scope s = {.pl = t->pl, .svc = svc};
	struct entry e = {.def = d, .service = svc->def->name};
	struct in_addr addr;
	uint64_t host, to;
	if (eval_number(&s, d->port, "port", 1, 65535, &host, err) < 0)
		return -1;
	to = host;
	if (d->to && eval_number(&s, d->to, "to", 1, 65535, &to, err) < 0)
		return -1;
	e.p = (struct publish){
		.service = svc->def->name, .host_port = (unsigned)host, .port = (unsigned)to, .protocol = d->protocol};
	if (d->address) {
		if (eval_known(&s, d->address, "address", &e.p.address, err) < 0)
			return -1;
		if (inet_pton(AF_INET, e.p.address, &addr) != 1)
			return bind_expected(d->address, "address", "an IPv4 address", err);
		if (!addr.s_addr)
			e.p.address = NULL;
	}
	if (target(&s, d, &e.p.container, err) < 0)
		return -1;
	for (size_t i = 0; i < t->all.n; i++)
		if (same_port(&t->all.v[i].p, &e.p)) {
			const struct ynode *other = t->all.v[i].def->self;
			ynode_err(d->self, err, "publish: port %u/%s of the machine belongs to %s already (%s:%u)",
				e.p.host_port, e.p.protocol, t->all.v[i].service, other->file, other->line);
			return err_hint(err, "give one of them another port, or bind them to different addresses");
		}
	vec_push(&t->all, e);
	return 0;
}

static int by_port(const void *x, const void *y)
{
	const struct publish *a = x, *b = y;
	int r = (a->host_port > b->host_port) - (a->host_port < b->host_port);
	r = r ? r : strcmp(a->protocol, b->protocol);
	return r ? r : strcmp(a->address ? a->address : "", b->address ? b->address : "");
}

int plan_publish(struct planner *pl, struct err *err)
{
	struct ports t = {.pl = pl};
	struct appliance *a = pl->a;
	int r = 0;
	for (size_t i = 0; i < pl->n_svcs && r == 0; i++)
		for (size_t k = 0; k < pl->svcs[i].def->publish.n && r == 0; k++)
			r = add(&t, &pl->svcs[i], &pl->svcs[i].def->publish.v[k], err);
	a->published.n = t.all.n;
	a->published.v = arena_alloc(pl->arena, (t.all.n + 1) * sizeof *a->published.v);
	for (size_t i = 0; i < t.all.n; i++)
		a->published.v[i] = t.all.v[i].p;
	vec_release(&t.all);
	qsort(a->published.v, a->published.n, sizeof *a->published.v, by_port);
	return r;
}
