/* kiln build PROFILE: lock and fetch if needed, then the images. */
#include "steps/build.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "format/format.h"
#include "steps/inputs.h"
#include "tree/namespace.h"
#include <string.h>

static void print_images(const struct build_result *r)
{
	size_t i;
	json_t *image;

	json_array_foreach(r->images, i, image)
	{
		bool cached = json_is_true(json_object_get(image, "cached"));
		printf("%s  %s%s\n", json_string_value(json_object_get(image, "path")),
			str_bytes((uint64_t)json_integer_value(json_object_get(image, "on_disk"))),
			cached ? "  (unchanged)" : "");
	}
}

static void print_json(const struct appliance *a, const struct build_result *r)
{
	_cleanup_json_ json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:O}", "name", a->name, "version", r->version,
		"root_hash", r->root_hash, "store_hash", r->store_hash, "images", r->images);
	_cleanup_free_ char *text = json_canonical(j);

	fputs(text, stdout);
}

static int only_formats(struct appliance *a, const char *list, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	str_split(&names, list, ",");
	if (!names.n)
		return err_set(err, ERR_USAGE, "--format: expected a list like raw,qcow2");
	a->outputs.v = arena_alloc(&a->arena, (names.n + 1) * sizeof *a->outputs.v);
	a->outputs.n = names.n;
	for (size_t i = 0; i < names.n; i++) {
		if (!format_find(names.v[i], err))
			return err_wrap(err, "--format");
		a->outputs.v[i] = arena_strdup(&a->arena, names.v[i]);
	}
	return 0;
}

struct build_args {
	const char *profile, *formats, *from;
};

static int parse(int argc, char **argv, struct build_args *args, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *v, *opt = argv[i];
		if ((v = cmd_value("--format", argc, argv, &i)))
			args->formats = v;
		else if ((v = cmd_value("--from", argc, argv, &i)))
			args->from = v;
		else if (*opt == '-')
			return err_set(err, ERR_USAGE, "build: unknown option \"%s\"", opt);
		else if (args->profile)
			return err_set(err, ERR_USAGE, "build: one profile at a time, found \"%s\" as well", opt);
		else
			args->profile = opt;
		if (i < 0)
			return err_set(err, ERR_USAGE, "%s needs a value", opt);
	}
	return args->profile ? 0 : err_set(err, ERR_USAGE, "build: a profile is missing");
}

int cmd_build(int argc, char **argv, struct err *err)
{
	struct build_args args = {0};

	if (parse(argc, argv, &args, err) < 0)
		return err_hint(err, "for example: kiln build core");
	struct appliance *a = cmd_load(args.profile, err);
	if (!a)
		return -1;
	_cleanup_cache_ struct cache *cache = NULL;
	_cleanup_lock_ struct lock lock = {0};
	_cleanup_build_ struct build_result result = {0};
	struct build_opts opts = {.out = cmd_globals.out ? cmd_globals.out : "out",
		.jobs = cmd_globals.jobs,
		.explain = cmd_globals.explain,
		.offline = cmd_globals.offline};
	int r = args.formats ? only_formats(a, args.formats, err) : 0;
	if (r == 0)
		r = ns_check(err);
	if (r == 0)
		r = cache_open(cmd_globals.cache, ns_remove, &cache, err);
	if (r == 0)
		r = args.from ? inputs_from(a, cache, args.from, &lock, err)
			      : inputs_ready(a, cache, cmd_globals.offline, &lock, err);
	opts.cache = cache;
	if (r == 0)
		r = build_run(a, &lock, &opts, &result, err);
	if (r == 0 && cmd_globals.json)
		print_json(a, &result);
	else if (r == 0)
		print_images(&result);
	appliance_free(a);
	return r;
}
