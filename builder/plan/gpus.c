/* The appliance's GPU unit, and which containers get which of the machine's GPUs (`gpus:` of the profile). */
#include "plan/planner.h"
#include <ctype.h>

static void copy_texts(struct planner *pl, const struct ylist *in, struct str_list *out)
{
	for (size_t i = 0; i < in->n; i++)
		list_add(pl->arena, out, in->v[i]->text);
}

const struct gpu_unit *gpu_unit_of(struct planner *pl, const char *name, const struct firmware_def *d)
{
	struct gpu_unit *u = ARENA_NEW(pl->arena, struct gpu_unit);
	*u = (struct gpu_unit){.name = name, .summary = d->summary};
	u->kind = d->gpu->kind;
	u->vendor = d->gpu->vendor;
	u->find = d->gpu->find;
	copy_texts(pl, &d->gpu->classes, &u->classes);
	copy_texts(pl, &d->gpu->load, &u->load);
	copy_texts(pl, &d->gpu->nodes, &u->nodes);
	u->mounts.v = arena_alloc(pl->arena, (d->gpu->mounts.n + 1) * sizeof *u->mounts.v);
	for (; u->mounts.n < d->gpu->mounts.n; u->mounts.n++) {
		const struct ypair *p = &d->gpu->mounts.v[u->mounts.n];
		u->mounts.v[u->mounts.n] = (struct kv){.key = p->key->text, .value = p->value->text};
	}
	return u;
}

/* A name of a device as kiln-agent gives it: number, PART of a partitioned one, address, UUID. */
static bool is_device(const char *s)
{
	size_t n = strlen(s);
	if (!n || n > 63 || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-.:", *s))
			return false;
	return true;
}

static int read_devices(
	struct planner *pl, const char *key, const struct ynode *n, struct str_list *out, struct err *err)
{
	static const char want[] = "`all`, `none` or a list of GPUs such as [0, 1]";
	if (n->kind == Y_SCALAR && !strcmp(n->text, "all"))
		list_add(pl->arena, out, "all");
	else if (n->kind != Y_LIST && !(n->kind == Y_SCALAR && !strcmp(n->text, "none")))
		return bind_expected(n, key, want, err);
	for (size_t i = 0; n->kind == Y_LIST && i < n->n; i++) {
		const struct ynode *item = n->items[i];
		if (item->kind != Y_SCALAR || !is_device(item->text))
			return bind_expected(item, key, "a GPU: its number, address or UUID", err);
		if (!list_has(out, item->text))
			list_add(pl->arena, out, item->text);
	}
	return 0;
}

/* The container is called so itself, is an instance of what is called so, or of the service. */
static bool is_called(const struct container *c, const char *name)
{
	return !strcmp(c->name, name) || !strcmp(c->base, name) || !strcmp(c->service, name);
}

static int check_key(struct planner *pl, const struct ynode *key, struct err *err)
{
	const struct appliance *a = pl->a;
	struct str_list users = {0};
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (c->gpu && is_called(c, key->text))
			return 0;
		if (c->gpu && !list_has(&users, c->service))
			list_add(pl->arena, &users, c->service);
		if (c->gpu && !list_has(&users, c->name))
			list_add(pl->arena, &users, c->name);
	}
	ynode_err(key, err, "gpus: nothing called '%s' uses a GPU", key->text);
	return users.n ? bind_hint(err, key->text, users.v) : err_hint(err, "no service of this appliance does");
}

/* The nearest name counts: the container's own, then what it is an instance of, then the service's. */
static int assign(struct planner *pl, struct container *c, const struct ynode *gpus, struct err *err)
{
	const char *const names[] = {c->name, c->base, c->service};
	for (size_t i = 0; gpus && i < ARRAY_SIZE(names); i++) {
		const struct ynode *n = ynode_get(gpus, names[i]);
		if (n)
			return read_devices(pl, names[i], n, &c->gpus, err);
	}
	list_add(pl->arena, &c->gpus, "all");
	return 0;
}

int plan_gpus(struct planner *pl, struct err *err)
{
	const struct ynode *gpus = pl->profile->gpus;
	struct appliance *a = pl->a;
	if (gpus && gpus->kind != Y_MAP)
		return bind_expected(gpus, "gpus", "a mapping such as {ollama: [0, 1]}", err);
	/* Said on purpose, `gpu: none` leaves everything on the CPU whatever the profile below it assigns. */
	if (gpus && !pl->profile->gpu) {
		ynode_err(gpus, err, "gpus: the profile is for no GPU");
		return err_hint(err, "`gpu:` says which kind");
	}
	for (size_t i = 0; gpus && i < gpus->n; i++)
		if (check_key(pl, gpus->pairs[i].key, err) < 0)
			return -1;
	for (size_t i = 0; a->gpu && i < a->containers.n; i++)
		if (a->containers.v[i].gpu && assign(pl, &a->containers.v[i], gpus, err) < 0)
			return -1;
	return 0;
}
