/* Does it fit the machine? Memory and disk, summed and compared; all sums checked. */
#include "plan/partsize.h"
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
					sum(&pl->a->disk_data, each, "disk", err) < 0)
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
	return sum(&pl->a->disk_data, n->disk, "disk", err);
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

/* Both slots of one kind, with their hash trees. */
static int count_slots(
	const struct appliance *a, const char *what, uint64_t content, uint64_t asked, uint64_t *ret, struct err *err)
{
	uint64_t size, slot, tree;

	if (!part_slot(content, asked, &size) || !part_tree(size, &tree) || !part_add(size, tree, &slot) ||
		!part_add(slot, slot, ret))
		return err_set(err, ERR_CONFIG, "disk: the sum is beyond all machines");
	if (content <= size)
		return 0;
	err_set(err, ERR_CONFIG, "%s: slots: %s: its content takes %s, the slot has %s", a->slots_at, what,
		str_bytes(content), str_bytes(size));
	return err_hint(err, "make the slot larger, or leave it out: then it is as large as the content and a third");
}

/* Two sizes that differ, told apart. */
static void disk_err(const struct appliance *a, uint64_t need, bool least, struct err *err)
{
	_cleanup_strbuf_ struct strbuf n = STRBUF_INIT, h = STRBUF_INIT;

	strbuf_adds(&n, str_bytes(need));
	strbuf_adds(&h, str_bytes(a->machine_disk));
	if (!strcmp(n.s, h.s)) {
		strbuf_reset(&n);
		strbuf_reset(&h);
		strbuf_addf(&n, "%ju bytes", (uintmax_t)need);
		strbuf_addf(&h, "%ju", (uintmax_t)a->machine_disk);
	}
	err_set(err, ERR_CONFIG, "%s: machine: disk: %s%s are needed, the machine has %s", a->machine_at,
		least ? "at least " : "", n.s, h.s);
}

int appliance_disk(const struct appliance *a, const struct image_sizes *s, uint64_t *ret, struct err *err)
{
	uint64_t root = 0, store = 0, data = a->disk_data > PART_VAR_MIN ? a->disk_data : PART_VAR_MIN;
	uint64_t total = PART_ESP_BYTES + PART_TABLES;

	if ((a->slot_root || s->root) && count_slots(a, "root", s->root, a->slot_root, &root, err) < 0)
		return -1;
	if ((a->slot_store || s->store) && count_slots(a, "store", s->store, a->slot_store, &store, err) < 0)
		return -1;
	if (sum(&total, root, "disk", err) < 0 || sum(&total, store, "disk", err) < 0 ||
		sum(&total, data, "disk", err) < 0)
		return -1;
	*ret = total;
	if (!a->machine_disk || total <= a->machine_disk)
		return 0;
	disk_err(a, total, s->least, err);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	if (root)
		strbuf_addf(&b, "root twice %s, ", str_bytes(root));
	if (store)
		strbuf_addf(&b, "store twice %s, ", str_bytes(store));
	uint64_t models = 0;
	for (size_t i = 0; i < a->models.n; i++)
		models += a->models.v[i].size;
	if (models)
		strbuf_addf(&b, "models in each %s, ", str_bytes(models));
	return err_hint(err, "%sboot partition %s, data %s: give the machine a larger disk, or leave services%s out",
		strbuf_cstr(&b), str_bytes(PART_ESP_BYTES), str_bytes(data), models ? " or models" : "");
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
	if (add_volumes(pl, err) < 0)
		return -1;
	if (a->machine_memory && a->memory_needed > a->machine_memory)
		return memory_err(pl, err);
	struct models_need models;
	if (appliance_models(a, &models, err) < 0)
		return -1;
	struct image_sizes sizes = {.store = models.store, .least = models.store != 0};
	return appliance_disk(a, &sizes, &a->disk_needed, err);
}
