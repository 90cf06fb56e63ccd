#include "plan/order.h"
#include "base/vec.h"
#include "plan/planner.h"

enum mark { NOT_SEEN, ON_THE_WAY, DONE };

static size_t count(const struct appliance *a)
{
	return a->containers.n + a->provisions.n;
}

static size_t container_number(const struct appliance *a, const char *name)
{
	return (size_t)(appliance_container(a, name) - a->containers.v);
}

static size_t provision_number(const struct appliance *a, const char *id)
{
	size_t i = 0;
	while (strcmp(a->provisions.v[i].id, id) != 0)
		i++;
	return a->containers.n + i;
}

/* What `i` waits for: containers and provisions by name. */
static void waits_for(
	const struct appliance *a, size_t i, const struct str_list **containers, const struct str_list **provisions)
{
	if (i < a->containers.n) {
		*containers = &a->containers.v[i].after;
		*provisions = &a->containers.v[i].after_provision;
	} else {
		*containers = &a->provisions.v[i - a->containers.n].containers;
		*provisions = &a->provisions.v[i - a->containers.n].after;
	}
}

static size_t n_edges(const struct appliance *a, size_t i)
{
	const struct str_list *c, *p;
	waits_for(a, i, &c, &p);
	return c->n + p->n;
}

static size_t edge(const struct appliance *a, size_t i, size_t k)
{
	const struct str_list *c, *p;
	waits_for(a, i, &c, &p);
	return k < c->n ? container_number(a, c->v[k]) : provision_number(a, p->v[k - c->n]);
}

static void describe(const struct appliance *a, size_t i, struct strbuf *b)
{
	if (i < a->containers.n) {
		strbuf_addf(b, "container %s", a->containers.v[i].name);
		return;
	}
	const struct provision *p = &a->provisions.v[i - a->containers.n];
	for (size_t k = 0; k < a->claims.n; k++) {
		const struct claim *c = &a->claims.v[k];
		if (c->provision && !strcmp(c->provision, p->id)) {
			strbuf_addf(b, "provision %s (%s of %s, %s)", p->id, c->kind, c->provider, c->where);
			return;
		}
	}
	strbuf_addf(b, "provision %s", p->id);
}

struct walk {
	const struct appliance *a;
	enum mark *marks;
	VEC(size_t) way;
};

/* Depth first; on a circle `way` holds it, from its first to its last. */
static bool find_circle(struct walk *w, size_t i)
{
	w->marks[i] = ON_THE_WAY;
	vec_push(&w->way, i);
	for (size_t k = 0; k < n_edges(w->a, i); k++) {
		size_t to = edge(w->a, i, k);
		if (w->marks[to] == DONE)
			continue;
		if (w->marks[to] == NOT_SEEN) {
			if (find_circle(w, to))
				return true;
			continue;
		}
		size_t first = 0;
		while (w->way.v[first] != to)
			first++;
		w->way.n -= first;
		memmove(w->way.v, w->way.v + first, w->way.n * sizeof *w->way.v);
		return true;
	}
	w->way.n--;
	w->marks[i] = DONE;
	return false;
}

static int circle_err(const struct walk *w, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (size_t i = 0; i <= w->way.n; i++) {
		if (i)
			strbuf_adds(&b, " waits for ");
		describe(w->a, w->way.v[i % w->way.n], &b);
	}
	err_set(err, ERR_RESOLVE, "the start order goes in a circle: %s", strbuf_cstr(&b));
	return err_hint(err, "only claims with provision steps and `after:` make an order; one of these must go");
}

int plan_order(struct planner *pl, struct err *err)
{
	struct walk w = {.a = pl->a, .marks = arena_alloc(pl->arena, (count(pl->a) + 1) * sizeof *w.marks)};
	bool circle = false;
	for (size_t i = 0; i < count(pl->a) && !circle; i++)
		circle = w.marks[i] == NOT_SEEN && find_circle(&w, i);
	int r = circle ? circle_err(&w, err) : 0;
	vec_release(&w.way);
	return r;
}

void order_levels(const struct appliance *a, unsigned *level)
{
	size_t n = count(a);
	memset(level, 0, n * sizeof *level);
	/* There are no circles: after as many rounds as there are things, nothing changes any more. */
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < n_edges(a, i); k++) {
				unsigned least = level[edge(a, i, k)] + 1;
				if (level[i] < least) {
					level[i] = least;
					changed = true;
				}
			}
	}
}
