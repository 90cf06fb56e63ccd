/* Firmware sets: the kernel's, the GPU's, further ones of the profile, and which there are besides. */
#include "plan/planner.h"

#define GPU_PREFIX "gpu-"

/* "main, non-free-firmware", without what is there already. */
static const char *missing_components(const struct planner *pl, const struct firmware_def *d, struct strbuf *all)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (size_t i = 0; i < pl->a->components.n; i++)
		strbuf_addf(all, "%s%s", i ? ", " : "", pl->a->components.v[i]);
	for (size_t i = 0; i < d->components.n; i++) {
		const char *name = d->components.v[i]->text;
		if (list_has(&pl->a->components, name))
			continue;
		strbuf_addf(&b, "%s%s", b.len ? ", " : "", name);
		strbuf_addf(all, ", %s", name);
	}
	return b.len ? arena_strdup(pl->arena, b.s) : NULL;
}

/* What a set needs and the profile has to say: licenses are the user's to accept, the kernel is one of several. */
static int check_needs(const struct planner *pl, const struct firmware_def *d, const char *key,
	const struct ynode *place, struct err *err)
{
	const char *kernel = pl->profile->kernel ? pl->profile->kernel->text : "cloud";
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	if (d->kernel && strcmp(d->kernel, kernel) != 0) {
		ynode_err(place, err, "%s: %s is for the kernel '%s', the profile takes '%s'", key, place->text,
			d->kernel, kernel);
		return err_hint(err, "kernel: %s", d->kernel);
	}
	const char *missing = missing_components(pl, d, &all);
	if (!missing)
		return 0;
	ynode_err(place, err, "%s: %s has packages of Debian's %s, which the profile does not take", key, place->text,
		missing);
	return err_hint(err, "components: [%s]", all.s);
}

static int add_microcode(struct planner *pl, const struct firmware_def *d, struct err *err)
{
	struct scope s = {.pl = pl};
	struct kv_list more, *to = &pl->a->microcode;
	if (eval_map(&s, &d->microcode, false, &more, err) < 0)
		return -1;
	struct kv *v = arena_alloc(pl->arena, (to->n + more.n + 1) * sizeof *v);
	if (to->n)
		memcpy(v, to->v, to->n * sizeof *v);
	for (size_t i = 0; i < more.n; i++) {
		const struct ynode *n = d->microcode.v[i].value;
		if (more.v[i].value[0] != '/' ||
			strspn(more.v[i].key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "abcdefghijklmnopqrstuvwxyz") != strlen(more.v[i].key))
			return bind_expected(n, "microcode", "CPU VENDOR: /PATTERN OF FILES", err);
		v[to->n++] = more.v[i];
	}
	to->v = v;
	return 0;
}

static int add_set(struct planner *pl, const char *name, const char *key, const struct ynode *place,
	struct firmware_def **ret, struct err *err)
{
	struct found f;
	struct appliance *a = pl->a;
	if (!roots_yaml(&pl->roots, pl->arena, "firmware", name, &f)) {
		ynode_err(place, err, "there is no firmware set '%s'", name);
		return bind_hint(err, name, roots_names(&pl->roots, pl->arena, "firmware"));
	}
	struct firmware_def *d = firmware_load(pl->arena, f.path, f.shown, err);
	if (!d || check_needs(pl, d, key, place, err) < 0 || add_microcode(pl, d, err) < 0)
		return -1;
	if (d->cmdline)
		a->cmdline = a->cmdline ? arena_printf(pl->arena, "%s %s", a->cmdline, d->cmdline) : d->cmdline;
	pl->firmware[pl->n_firmware++] = d;
	list_add(pl->arena, &a->firmware, name);
	list_add(pl->arena, &a->firmware_summaries, d->summary);
	*ret = d;
	return 0;
}

/* Names of GPU units: of the sets gpu-NAME, and "none". */
static const char *const *gpu_names(struct planner *pl)
{
	const char *const *sets = roots_names(&pl->roots, pl->arena, "firmware");
	struct str_list names = {0};
	list_add(pl->arena, &names, "none");
	for (size_t i = 0; sets[i]; i++)
		if (str_starts(sets[i], GPU_PREFIX))
			list_add(pl->arena, &names, sets[i] + strlen(GPU_PREFIX));
	return names.v;
}

static int add_gpu(struct planner *pl, struct err *err)
{
	const struct ynode *n = pl->profile->gpu;
	struct firmware_def *d;
	struct found f;
	if (!n || !strcmp(n->text, "none"))
		return 0;
	const char *name = arena_printf(pl->arena, GPU_PREFIX "%s", n->text);
	if (!bind_is_ident(n->text) || !roots_yaml(&pl->roots, pl->arena, "firmware", name, &f)) {
		ynode_err(n, err, "gpu: there is no GPU unit '%s'", n->text);
		return bind_hint(err, n->text, gpu_names(pl));
	}
	if (add_set(pl, name, "gpu", n, &d, err) < 0)
		return -1;
	if (!d->gpu)
		return ynode_err(d->self, err, "a set called '" GPU_PREFIX "NAME' has a key `gpu:`");
	pl->a->gpu = gpu_unit_of(pl, n->text, d);
	return 0;
}

int plan_firmware(struct planner *pl, struct err *err)
{
	const struct profile *p = pl->profile;
	struct firmware_def *d;
	pl->firmware = arena_alloc(pl->arena, (p->firmware.n + 2) * sizeof *pl->firmware);
	if (add_set(pl, p->kernel ? p->kernel->text : "cloud", "kernel", p->kernel ? p->kernel : p->self, &d, err) <
			0 ||
		add_gpu(pl, err) < 0)
		return -1;
	for (size_t i = 0; i < p->firmware.n; i++) {
		const struct ynode *n = p->firmware.v[i];
		if (str_starts(n->text, GPU_PREFIX)) {
			ynode_err(n, err, "firmware: %s is a GPU unit", n->text);
			return err_hint(err, "gpu: %s", n->text + strlen(GPU_PREFIX));
		}
		if (add_set(pl, n->text, "firmware", n, &d, err) < 0)
			return -1;
	}
	const char *const *sets = roots_names(&pl->roots, pl->arena, "firmware");
	for (size_t i = 0; sets[i]; i++)
		if (!list_has(&pl->a->firmware, sets[i]))
			list_add(pl->arena, &pl->a->firmware_left_out, sets[i]);
	return 0;
}
