/* Images made from others: what is put into them, and the command that runs in them while they are made. */
#include "base/str.h"
#include "plan/planner.h"
#include "plan/rt.h"

/* Without `limit:`. Programs that build themselves take minutes, on a busy machine more; what hangs does so for ever.
 */
#define RUN_LIMIT_MS UINT64_C(3600000)

/* Below the root and with one spelling, so that it can be compared with what a tree has. */
static bool is_plain_path(const char *path)
{
	if (*path != '/' || !path[1])
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(++p, "/");
		if (!n || (n <= 2 && !strncmp(p, "..", n)))
			return false;
		p += n;
	}
	return true;
}

static int set_files(const struct scope *s, const struct tree_def *d, struct derived_spec *out, struct err *err)
{
	for (size_t i = 0; i < d->files.n; i++)
		if (!is_plain_path(d->files.v[i].path))
			return ynode_err(d->files.v[i].self, err,
				"files: expected an absolute path without . and .., found '%s'", d->files.v[i].path);
	return render_files(s, &d->files, s->svc->def->dir, true, &out->files, err);
}

static int set_keep(const struct scope *s, const struct tree_def *d, struct derived_spec *out, struct err *err)
{
	if (eval_knowns(s, &d->keep, "keep", &out->keep, err) < 0)
		return -1;
	for (size_t i = 0; i < out->keep.n; i++)
		if (!is_plain_path(out->keep.v[i]))
			return bind_expected(d->keep.v[i], "keep", "an absolute path below /, without . and ..", err);
	return 0;
}

static int set_run(const struct scope *s, const struct run_def *d, struct derived_spec *out, struct err *err)
{
	if (!d)
		return 0;
	out->user = d->user;
	out->limit_ms = d->limit ? d->limit : RUN_LIMIT_MS;
	for (size_t i = 0; i < d->env.n; i++) {
		const char *key = d->env.v[i].key->text, *value;
		if (eval_known(s, d->env.v[i].value, key, &value, err) < 0)
			return -1;
		list_add(s->pl->arena, &out->env, arena_printf(s->pl->arena, "%s=%s", key, value));
	}
	return eval_knowns(s, &d->command, "command", &out->command, err);
}

int plan_derived(struct planner *pl, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		for (size_t k = 0; k < svc->def->containers.n; k++) {
			const struct container_def *d = &svc->def->containers.v[k];
			if (!d->image->from || !svc->count[k])
				continue;
			struct derived_spec *out = ARENA_NEW(pl->arena, struct derived_spec);
			struct scope s = {.pl = pl, .svc = svc}; /* all instances have the same image */
			out->id = arena_printf(pl->arena, "%s/%s", svc->def->name, d->name);
			if (set_files(&s, d->image, out, err) < 0 || set_run(&s, d->image->run, out, err) < 0 ||
				set_keep(&s, d->image, out, err) < 0)
				return -1;
			for (size_t m = 0; m < svc->count[k]; m++)
				pl->a->containers.v[svc->first[k] + m].derived = out;
		}
	}
	return 0;
}
