/* Who may connect where: between containers, into the machine (published ports) and out of it. */
#include "base/vec.h"
#include "plan/planner.h"
#include <arpa/inet.h>

struct table {
	struct planner *pl;
	VEC(struct flow) all;
};

static void add_flow(
	struct table *t, const char *from, const char *to, unsigned port, const char *protocol, const char *why)
{
	if (!strcmp(from, to))
		return;
	for (size_t i = 0; i < t->all.n; i++) {
		const struct flow *f = &t->all.v[i];
		if (!strcmp(f->from, from) && !strcmp(f->to, to) && f->port == port && !strcmp(f->protocol, protocol))
			return;
	}
	struct flow f = {.from = from, .to = to, .port = port, .protocol = protocol, .why = why};
	vec_push(&t->all, f);
}

/* "HOST:PORT/PROTOCOL". */
static int parse_endpoint(struct planner *pl, const struct ynode *n, const char *what, const char *text,
	const char **host, unsigned *port, const char **protocol, struct err *err)
{
	const char *colon = strrchr(text, ':'), *slash = colon ? strchr(colon, '/') : NULL;
	uint64_t number = 0;
	_cleanup_free_ char *digits = colon && slash ? xstrndup(colon + 1, (size_t)(slash - colon - 1)) : xstrdup("");
	if (!str_to_u64(digits, &number) || !number || number > 65535 || colon == text ||
		(strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0)) {
		struct ynode shown = *n;
		shown.text = text;
		return bind_expected(&shown, what,
			strcmp(what, "egress") ? "CONTAINER:PORT/tcp or /udp" : "TO:PORT/tcp or /udp", err);
	}
	*host = arena_strndup(pl->arena, text, (size_t)(colon - text));
	*port = (unsigned)number;
	*protocol = strcmp(slash, "/tcp") ? "udp" : "tcp";
	return 0;
}

/* The instances that a container's name in a service's file means. */
static int instances_of(struct planner *pl, const struct psvc *svc, const struct ynode *n, const char *what,
	const char *name, struct value *ret, struct err *err)
{
	long i = svc_container(svc, name);
	if (i >= 0) {
		svc_instances(pl, svc, i, ret);
		return 0;
	}
	VEC(const char *) names = {0};
	for (size_t k = 0; k < svc->def->containers.n; k++)
		vec_push(&names, svc->def->containers.v[k].name);
	vec_push(&names, NULL);
	ynode_err(n, err, "%s: %s has no container '%s'", what, svc->def->name, name);
	bind_hint(err, name, names.v);
	vec_release(&names);
	return -1;
}

static void cross(struct table *t, const struct value *from, const struct value *to, unsigned port,
	const char *protocol, const char *why)
{
	for (size_t i = 0; i < from->n; i++)
		for (size_t k = 0; k < to->n; k++)
			add_flow(t, from->containers[i]->name, to->containers[k]->name, port, protocol, why);
}

static int add_reach(struct table *t, struct pclaim *c, const char *why, struct err *err)
{
	struct scope s = {.pl = t->pl, .svc = c->provider, .claim = c};
	struct value from, to;
	claim_containers(t->pl, c, &from);
	for (size_t i = 0; i < c->offer->reach.n; i++) {
		const struct ynode *n = c->offer->reach.v[i];
		const char *text, *host, *protocol;
		unsigned port;
		if (eval_known(&s, n, "reach", &text, err) < 0 ||
			parse_endpoint(t->pl, n, "reach", text, &host, &port, &protocol, err) < 0 ||
			instances_of(t->pl, c->provider, n, "reach", host, &to, err) < 0)
			return -1;
		cross(t, &from, &to, port, protocol, why);
	}
	return 0;
}

/* The provider's containers (all, or `callers`) connect to the claimant. */
static int add_calls(struct table *t, struct pclaim *c, const char *why, struct err *err)
{
	struct scope s = {.pl = t->pl, .svc = c->provider, .claim = c};
	const struct offer_def *o = c->offer;
	for (size_t i = 0; i < o->calls.n; i++) {
		const char *text, *host, *protocol;
		unsigned port;
		struct value from, to;
		if (eval_known(&s, o->calls.v[i], "calls", &text, err) < 0 ||
			parse_endpoint(t->pl, o->calls.v[i], "calls", text, &host, &port, &protocol, err) < 0 ||
			instances_of(t->pl, c->svc, c->def->self, "calls", host, &to, err) < 0)
			return -1;
		for (size_t k = 0; k < c->provider->def->containers.n; k++) {
			bool calls = !o->callers.n;
			for (size_t m = 0; m < o->callers.n; m++)
				calls |= !strcmp(o->callers.v[m]->text, c->provider->def->containers.v[k].name);
			svc_instances(t->pl, c->provider, (long)k, &from);
			if (calls)
				cross(t, &from, &to, port, protocol, why);
		}
	}
	for (size_t m = 0; m < o->callers.n; m++) {
		struct value any;
		if (instances_of(t->pl, c->provider, o->callers.v[m], "callers", o->callers.v[m]->text, &any, err) < 0)
			return -1;
	}
	return 0;
}

/* Port 0: everything, whatever the protocol. */
static void add_own(struct table *t)
{
	const struct appliance *a = t->pl->a;
	for (size_t i = 0; i < a->containers.n; i++)
		for (size_t k = 0; k < a->containers.n; k++)
			if (!strcmp(a->containers.v[i].service, a->containers.v[k].service))
				add_flow(t, a->containers.v[i].name, a->containers.v[k].name, 0, "any", "own");
}

static int by_ends(const void *x, const void *y)
{
	const struct flow *a = x, *b = y;
	int r = strcmp(a->from, b->from);
	r = r ? r : strcmp(a->to, b->to);
	r = r ? r : (a->port > b->port) - (a->port < b->port);
	return r ? r : strcmp(a->protocol, b->protocol);
}

static int collect(struct table *t, struct err *err)
{
	for (size_t i = 0; i < t->pl->n_claims; i++) {
		struct pclaim *c = &t->pl->claims[i];
		if (!c->provider)
			continue;
		const char *why = arena_printf(t->pl->arena, "%s.%s", c->svc->def->name, c->def->name);
		if (add_reach(t, c, why, err) < 0 || add_calls(t, c, why, err) < 0)
			return -1;
	}
	add_own(t);
	if (t->all.n)
		qsort(t->all.v, t->all.n, sizeof *t->all.v, by_ends);
	return 0;
}

/* "any", an IPv4 address or a prefix of some: what a packet filter can tell. */
static bool is_place(const char *text)
{
	const char *slash = strchr(text, '/');
	_cleanup_free_ char *address = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
	struct in_addr in;
	uint64_t bits = 0;
	if (!strcmp(text, "any"))
		return true;
	return inet_pton(AF_INET, address, &in) == 1 && (!slash || (str_to_u64(slash + 1, &bits) && bits <= 32));
}

static void add_names(struct arena *arena, const struct value *containers, struct str_list *out)
{
	for (size_t i = 0; i < containers->n; i++)
		list_add(arena, out, containers->containers[i]->name);
}

/* The containers of a service from which it may leave; `name` NULL: all. */
static int leaving(const struct scope *s, const struct ynode *name, struct str_list *out, struct err *err)
{
	const char *only;
	struct value v;
	if (!name) {
		for (size_t i = 0; i < s->svc->def->containers.n; i++) {
			svc_instances(s->pl, s->svc, (long)i, &v);
			add_names(s->pl->arena, &v, out);
		}
		return 0;
	}
	if (eval_known(s, name, "container", &only, err) < 0 ||
		instances_of(s->pl, s->svc, name, "container", only, &v, err) < 0)
		return -1;
	add_names(s->pl->arena, &v, out);
	return 0;
}

static int add_egress(const struct scope *s, const struct egress_def *d, struct service *out, struct err *err)
{
	struct egress e = {0};
	const char *text;
	bool holds;
	if (eval_if(s, d->when, &holds, err) < 0)
		return -1;
	if (!holds)
		return 0;
	if (eval_known(s, d->to, "egress", &text, err) < 0)
		return -1;
	int r = parse_endpoint(s->pl, d->to, "egress", text, &e.to, &e.port, &e.protocol, err);
	if (r == 0 && !is_place(e.to))
		r = ynode_err(d->to, err, "egress: '%s' is neither any nor an IPv4 address or prefix", e.to);
	if (r < 0)
		return err_hint(err, "for example any:587/tcp or 192.0.2.0/24:443/tcp");
	if (leaving(s, d->container, &e.containers, err) < 0)
		return -1;
	out->egress.v[out->egress.n++] = e;
	return 0;
}

static int plan_egress(struct planner *pl, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct scope s = {.pl = pl, .svc = &pl->svcs[i]};
		const struct service_def *d = pl->svcs[i].def;
		struct service *out = &pl->a->services.v[i];
		out->egress.v = arena_alloc(pl->arena, (d->egress.n + 1) * sizeof *out->egress.v);
		for (size_t k = 0; k < d->egress.n; k++)
			if (add_egress(&s, &d->egress.v[k], out, err) < 0)
				return -1;
	}
	return 0;
}

int plan_flows(struct planner *pl, struct err *err)
{
	struct table t = {.pl = pl};
	int r = collect(&t, err);
	pl->a->flows.n = t.all.n;
	pl->a->flows.v = arena_alloc(pl->arena, (t.all.n + 1) * sizeof *pl->a->flows.v);
	if (t.all.n)
		memcpy(pl->a->flows.v, t.all.v, t.all.n * sizeof *pl->a->flows.v);
	vec_release(&t.all);
	return r < 0 ? -1 : plan_egress(pl, err);
}
