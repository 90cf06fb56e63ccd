/* kiln plan: the resolved appliance, before anything is built. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include "plan/explain.h"
#include <stdio.h>

struct options {
	const char *profile;
	bool flows, dns;
};

static int parse(int argc, char **argv, struct options *o, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--flows"))
			o->flows = true;
		else if (str_eq(argv[i], "--dns"))
			o->dns = true;
		else if (argv[i][0] == '-')
			return err_set(err, ERR_USAGE, "plan: unknown option '%s'", argv[i]);
		else if (o->profile)
			return err_set(err, ERR_USAGE, "plan: one profile at a time, found '%s' and '%s'", o->profile,
				argv[i]);
		else
			o->profile = argv[i];
	}
	if (o->flows && o->dns)
		return err_set(err, ERR_USAGE, "plan: --flows and --dns exclude each other");
	if (o->profile)
		return 0;
	err_set(err, ERR_USAGE, "plan: which profile?");
	return err_hint(err, "kiln plan profiles/core.yaml [--flows | --dns] [--json]");
}

/* Sizes of the trees, once a lock says what they hold; a lock that is broken or stale says nothing here. */
static json_t *contents(const struct appliance *a)
{
	_cleanup_lock_ struct lock l = {0};
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = lock_path(a->beside);
	if (lock_read(path, &l, &ignored) < 0 || !lock_fits(&l, a))
		return NULL;
	json_t *trees = json_array();
	for (size_t i = 0; i < l.sets.n; i++) {
		const struct lock_set *set = &l.sets.v[i];
		uint64_t installed = 0, download = 0;
		for (size_t k = 0; k < set->n; k++) {
			installed += set->v[k]->installed * 1024;
			download += set->v[k]->size;
		}
		json_array_append_new(
			trees, json_pack("{s:s, s:I, s:I, s:I}", "tree", set->id, "packages", (json_int_t)set->n,
				       "installed", (json_int_t)installed, "download", (json_int_t)download));
	}
	return trees;
}

static void print_contents(const json_t *trees, struct strbuf *b)
{
	size_t i;
	json_t *t;
	if (!trees) {
		strbuf_adds(b, "  what the trees hold is known after `kiln lock`\n");
		return;
	}
	strbuf_adds(b, "\ntrees, before compression\n");
	json_array_foreach(trees, i, t)
	{
		strbuf_addf(b, "  %-36s %4lld packages  %s\n", json_string_value(json_object_get(t, "tree")),
			(long long)json_integer_value(json_object_get(t, "packages")),
			str_bytes((uint64_t)json_integer_value(json_object_get(t, "installed"))));
	}
}

/* What is printed; the caller frees it. */
static char *result(const struct options *o, const struct appliance *a)
{
	_cleanup_json_ json_t *sizes = o->flows || o->dns ? NULL : contents(a);
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = o->flows ? explain_flows_json(a)
					   : o->dns ? explain_dns_json(a)
						    : appliance_json(a);
		if (sizes)
			json_object_set(json_object_get(j, "budget"), "trees", sizes);
		return json_canonical(j);
	}
	if (o->flows || o->dns)
		return o->flows ? explain_flows(a) : explain_dns(a);
	_cleanup_free_ char *plan = explain_appliance(a);
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, plan);
	print_contents(sizes, &b);
	return strbuf_steal(&b);
}

int cmd_plan(int argc, char **argv, struct err *err)
{
	struct options o = {0};
	if (parse(argc, argv, &o, err) < 0)
		return -1;
	struct appliance *a = cmd_load(o.profile, err);
	if (!a)
		return -1;
	_cleanup_free_ char *text = result(&o, a);
	appliance_free(a);
	fputs(text, stdout);
	return 0;
}
