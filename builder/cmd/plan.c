/* kiln plan: the resolved appliance, before anything is built. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include "plan/explain.h"
#include "steps/build.h"
#include "tree/namespace.h"
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
	return o->profile ? 0 : err_set(err, ERR_USAGE, "plan: which profile?");
}

/* What the lock says of the trees: packages, bytes. */
static json_t *contents(const struct lock *l)
{
	json_t *trees = json_array();
	for (size_t i = 0; i < l->sets.n; i++) {
		const struct lock_set *set = &l->sets.v[i];
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

/* Sizes of root and store: as an earlier build left them in the cache, else at least what the lock's packages take. */
static struct image_sizes image_sizes(const struct appliance *a, const struct lock *l, struct cache *cache)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* nothing is known, then */
	struct image_sizes built = {0};
	if (cache && build_sizes(a, l, cache, &built, &ignored) == 0 && built.root)
		return built;
	return lock_image_sizes(l);
}

/* The disk with what is known of the images; without a lock it stays as planned. */
static int count_disk(struct appliance *a, json_t **trees, struct image_sizes *sizes, struct err *err)
{
	_cleanup_lock_ struct lock l = {0};
	_cleanup_err_ struct err ignored = ERR_INIT; /* a lock that is broken or stale says nothing here */
	_cleanup_free_ char *path = lock_path(a->beside);
	if (lock_read(path, &l, &ignored) < 0 || !lock_fits(&l, a))
		return 0;
	_cleanup_cache_ struct cache *cache = NULL;
	if (!cache_is_there(cmd_globals.cache) || cache_open(cmd_globals.cache, ns_remove, &cache, &ignored) < 0)
		cache = NULL;
	if (lock_weigh(&l, cache, a, err) < 0)
		return -1;
	*trees = contents(&l);
	*sizes = image_sizes(a, &l, cache);
	return appliance_disk(a, sizes, &a->disk_needed, err);
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
static char *result(const struct options *o, const struct appliance *a, json_t *trees, const struct image_sizes *sizes)
{
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = o->flows ? explain_flows_json(a)
					   : o->dns ? explain_dns_json(a)
						    : appliance_json(a);
		if (trees && !o->flows && !o->dns)
			json_object_set(json_object_get(j, "budget"), "trees", trees);
		return json_canonical(j);
	}
	if (o->flows || o->dns)
		return o->flows ? explain_flows(a) : explain_dns(a);
	_cleanup_free_ char *plan = explain_appliance(a, sizes);
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, plan);
	print_contents(trees, &b);
	return strbuf_steal(&b);
}

int cmd_plan(int argc, char **argv, struct err *err)
{
	struct options o = {0};
	if (parse(argc, argv, &o, err) < 0)
		return err_hint(err, "kiln plan profiles/core.yaml [--flows | --dns] [--json]");
	_cleanup_appliance_ struct appliance *a = cmd_load(o.profile, err);
	_cleanup_json_ json_t *trees = NULL;
	struct image_sizes sizes = {0};
	if (!a || count_disk(a, &trees, &sizes, err) < 0)
		return -1;
	_cleanup_free_ char *text = result(&o, a, trees, &sizes);
	fputs(text, stdout);
	return 0;
}
