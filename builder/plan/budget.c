/* Does it fit the machine? Memory and disk, summed and compared; all sums checked. */
#include "plan/planner.h"

static int sum(uint64_t *total, uint64_t n, const char *what, struct err *err)
{
	if (__builtin_add_overflow(*total, n, total) || *total > INT64_MAX)
		return err_set(err, ERR_CONFIG, "%s: the sum is beyond all machines", what);
	return 0;
}

static int add_volumes(struct planner *pl, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		const struct psvc *svc = &pl->svcs[i];
		for (size_t k = 0; k < svc->def->containers.n; k++)
			for (size_t m = 0; m < svc->def->containers.v[k].volumes.n; m++) {
				const struct volume_def *v = &svc->def->containers.v[k].volumes.v[m];
				uint64_t each = 0, times = v->shared ? 1 : svc->count[k];
				if (__builtin_mul_overflow(v->size, times, &each) ||
					sum(&pl->a->disk_needed, each, "disk", err) < 0)
					return err->msg ? -1
							: err_set(err, ERR_CONFIG,
								  "disk: the sum is beyond all machines");
			}
	}
	return 0;
}

static int add_needs(struct planner *pl, const struct needs_def *n, struct err *err)
{
	if (sum(&pl->a->memory_needed, n->memory, "memory", err) < 0)
		return -1;
	return sum(&pl->a->disk_needed, n->disk, "disk", err);
}

/* The largest eaters, for the hint. */
static int memory_err(struct planner *pl, struct err *err)
{
	const struct appliance *a = pl->a;
	const struct ynode *place = ynode_get(pl->profile->self, "machine");
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint64_t below = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		uint64_t most = 0;
		for (size_t k = 0; k < a->containers.n; k++)
			if (a->containers.v[k].memory < below && a->containers.v[k].memory > most)
				most = a->containers.v[k].memory;
		for (size_t k = 0; k < a->containers.n && most; k++)
			if (a->containers.v[k].memory == most)
				strbuf_addf(&b, "%s%s %s", b.len ? ", " : "", a->containers.v[k].name, str_bytes(most));
		below = most;
	}
	ynode_err(place, err, "machine: memory: %s are needed, the machine has %s", str_bytes(a->memory_needed),
		str_bytes(a->machine_memory));
	return err_hint(err, "the largest: %s", strbuf_cstr(&b));
}

int plan_budget(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	for (size_t i = 0; i < a->containers.n; i++)
		if (sum(&a->memory_needed, a->containers.v[i].memory, "memory", err) < 0)
			return -1;
	for (size_t i = 0; i < pl->n_svcs; i++)
		if (add_needs(pl, &pl->svcs[i].def->needs, err) < 0)
			return -1;
	for (size_t i = 0; i < pl->n_claims; i++)
		if (pl->claims[i].offer && add_needs(pl, &pl->claims[i].offer->needs, err) < 0)
			return -1;
	/* Two slots of each partition; where no size is given it depends on content that is not known yet. */
	for (int slot = 0; slot < 2; slot++)
		if (sum(&a->disk_needed, a->slot_root, "disk", err) < 0 ||
			sum(&a->disk_needed, a->slot_store, "disk", err) < 0)
			return -1;
	if (add_volumes(pl, err) < 0)
		return -1;
	if (a->machine_memory && a->memory_needed > a->machine_memory)
		return memory_err(pl, err);
	if (a->machine_disk && a->disk_needed > a->machine_disk)
		return ynode_err(ynode_get(pl->profile->self, "machine"), err,
			"machine: disk: %s are needed, the machine has %s", str_bytes(a->disk_needed),
			str_bytes(a->machine_disk));
	return 0;
}
