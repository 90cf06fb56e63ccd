/* kiln sbom: what an appliance is made of, by its lock. */
#include "sbom/sbom.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include <errno.h>
#include <string.h>

struct words {
	const char *of, *file;
};

static int parse(int argc, char **argv, struct words *w, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *v = cmd_value("-o", argc, argv, &i);
		if (i < 0)
			return err_set(err, ERR_USAGE, "sbom: -o needs a value");
		if (v)
			w->file = v;
		else if (argv[i][0] == '-')
			return err_set(err, ERR_USAGE, "sbom: unknown option \"%s\"", argv[i]);
		else if (w->of)
			return err_set(err, ERR_USAGE, "sbom: one profile at a time, found \"%s\" as well", argv[i]);
		else
			w->of = argv[i];
	}
	return w->of ? 0 : err_set(err, ERR_USAGE, "sbom: a profile or a lock is missing");
}

static int print(const char *file, const json_t *doc, struct err *err)
{
	if (!file) {
		_cleanup_free_ char *text = json_canonical(doc);
		fputs(text, stdout);
		return 0;
	}
	_cleanup_free_ char *dir = path_dir(file);
	if (json_write(file, doc, err) < 0)
		return err->sys == ENOENT ? err_hint(err, "there is no directory %s", dir) : -1;
	size_t packages = json_array_size(json_object_get(doc, "packages"));
	const json_t *space = json_object_get(doc, "documentNamespace");
	if (!cmd_globals.json) {
		printf("%s  %zu packages\n", file, packages);
		return 0;
	}
	_cleanup_json_ json_t *j =
		json_pack("{s:s, s:I, s:O}", "file", file, "packages", (json_int_t)packages, "namespace", space);
	_cleanup_free_ char *text = json_canonical(j);
	fputs(text, stdout);
	return 0;
}

static int make(struct sbom_input *in, const char *file, struct err *err)
{
	_cleanup_cache_ struct cache *cache = NULL;

	if (cache_is_there(cmd_globals.cache) && cache_open(cmd_globals.cache, NULL, &cache, err) < 0)
		return -1;
	in->cache = cache;
	_cleanup_json_ json_t *doc = sbom_make(in);
	return print(file, doc, err);
}

int cmd_sbom(int argc, char **argv, struct err *err)
{
	_cleanup_appliance_ struct appliance *a = NULL;
	_cleanup_lock_ struct lock l = {0};
	struct words w = {0};

	if (parse(argc, argv, &w, err) < 0)
		return err_hint(err, "for example: kiln sbom core");
	if (str_ends(w.of, ".lock")) {
		if (cmd_lock_at(w.of, &l, err) < 0)
			return -1;
		_cleanup_free_ char *name = xstrndup(path_base(w.of), strlen(path_base(w.of)) - strlen(".lock"));
		return make(&(struct sbom_input){.l = &l, .name = name}, w.file, err);
	}
	if (!(a = cmd_load(w.of, err)) || cmd_lock_of(a, w.of, &l, err) < 0)
		return -1;
	return make(&(struct sbom_input){.l = &l, .a = a, .name = a->name}, w.file, err);
}
