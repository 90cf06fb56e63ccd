/* kiln image ls|pull|show|export: container images by themselves, without a profile. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "oci/export.h"
#include "oci/record.h"
#include "oci/source.h"
#include <string.h>

struct image_args {
	struct arena arena;
	struct mirrors mirrors;
	const char *arch, *ca;
	struct strvec words; /* what is no option */
	struct cache *cache;
	struct pull pull;
};

static void args_release(struct image_args *a)
{
	registry_free(a->pull.registry);
	mirrors_release(&a->mirrors);
	strvec_release(&a->words);
	cache_close(a->cache);
	arena_release(&a->arena);
}

static int add_mirror(struct image_args *a, const char *text, struct err *err)
{
	const char *eq = strchr(text, '=');

	if (!eq)
		return err_set(err, ERR_USAGE, "image: --mirror: expected PREFIX=PLACE, found \"%s\"", text);
	const char *prefix = arena_strndup(&a->arena, text, (size_t)(eq - text));
	return mirrors_add(&a->mirrors, &a->arena, prefix, eq + 1, err);
}

static int parse(struct image_args *a, int argc, char **argv, struct err *err)
{
	const char *v;

	a->arch = "amd64";
	for (int i = 1; i < argc; i++) {
		const char *opt = argv[i];
		if ((v = cmd_value("--arch", argc, argv, &i)))
			a->arch = v;
		else if ((v = cmd_value("--registry-ca", argc, argv, &i)))
			a->ca = v;
		else if ((v = cmd_value("--mirror", argc, argv, &i))) {
			if (i >= 0 && add_mirror(a, v, err) < 0)
				return -1;
		} else if (*opt == '-')
			return err_set(err, ERR_USAGE, "image: unknown option \"%s\"", opt);
		else
			strvec_add(&a->words, opt);
		if (i < 0)
			return err_set(err, ERR_USAGE, "image: %s needs a value", opt);
	}
	a->pull.platform = platform_of(a->arch);
	if (!a->pull.platform)
		return err_set(err, ERR_USAGE, "image: --arch: images for \"%s\" are not known", a->arch);
	return 0;
}

static int open_client(struct image_args *a, struct err *err)
{
	if (cache_open(cmd_globals.cache, NULL, &a->cache, err) < 0)
		return -1;
	a->pull.cache = a->cache;
	a->pull.mirrors = &a->mirrors;
	a->pull.registry = registry_new(&(struct download_opts){.offline = cmd_globals.offline, .ca = a->ca});
	return 0;
}

/* What a word on the command line means, pinned. */
static int pin_word(
	struct image_args *a, const char *word, struct image_place *at, struct image_pin *pin, struct err *err)
{
	*at = (struct image_place){.name = word};
	if (image_source_parse(&a->arena, word, &at->from, err) < 0)
		return -1;
	at->path = at->from.path;
	if (at->from.kind == SOURCE_REGISTRY)
		at->name = reference_text(&a->arena, &at->from.ref);
	return source_pin(&a->pull, at, &a->arena, pin, err);
}

static void print_json(const json_t *j)
{
	_cleanup_free_ char *text = json_canonical(j);

	fputs(text, stdout);
}

static json_t *image_json(const char *name, const char *arch, const struct image_pin *pin)
{
	json_t *j = pin_json(pin);

	json_object_set_new(j, "name", json_string(name));
	json_object_set_new(j, "arch", json_string(arch));
	return j;
}

static int image_ls(struct image_args *a, struct err *err)
{
	struct records list = {0};
	_cleanup_json_ json_t *all = json_array();

	if (record_list(a->cache, &a->arena, &list, err) < 0) {
		vec_release(&list.all);
		return -1;
	}
	for (size_t i = 0; i < list.all.n; i++) {
		const struct record *r = &list.all.v[i];
		uint64_t bytes, missing = source_missing(a->cache, &r->pin, &bytes);
		if (cmd_globals.json) {
			json_t *j = image_json(r->name, r->arch, &r->pin);
			json_object_set_new(j, "bytes", json_integer((json_int_t)bytes));
			json_object_set_new(j, "missing", json_integer((json_int_t)missing));
			json_array_append_new(all, j);
			continue;
		}
		printf("%-50s %-6s %.12s %10s", r->name, r->arch, r->pin.manifest.digest, str_bytes(bytes));
		if (missing)
			printf("  (%s not in the cache)", str_bytes(missing));
		putchar('\n');
	}
	vec_release(&list.all);
	if (cmd_globals.json)
		print_json(all);
	return 0;
}

static int image_pull(struct image_args *a, struct err *err)
{
	_cleanup_json_ json_t *all = json_array();

	for (size_t i = 1; i < a->words.n; i++) {
		struct image_place at;
		struct image_pin pin;
		uint64_t bytes;
		if (pin_word(a, a->words.v[i], &at, &pin, err) < 0)
			return -1;
		uint64_t missing = source_missing(a->cache, &pin, &bytes);
		if (source_fetch(&a->pull, &at, &pin, err) < 0)
			return -1;
		if (cmd_globals.json) {
			json_t *j = image_json(at.name, a->arch, &pin);
			json_object_set_new(j, "bytes", json_integer((json_int_t)bytes));
			json_object_set_new(j, "fetched", json_integer((json_int_t)missing));
			json_array_append_new(all, j);
			continue;
		}
		printf("%s  sha256:%s  %zu layers, %s", at.name, pin.manifest.digest, pin.n_layers, str_bytes(bytes));
		if (missing)
			printf("  (%s fetched)", str_bytes(missing));
		putchar('\n');
	}
	if (cmd_globals.json)
		print_json(all);
	return 0;
}

static void print_member(const json_t *config, const char *key, const char *title)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const json_t *v = json_object_get(config, key);

	if (!v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)))
		return;
	_cleanup_free_ char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_compact(v);
	strbuf_add_plain(&plain, text);
	printf("%-12s %s\n", title, strbuf_cstr(&plain));
}

static void print_image(
	const struct image_place *at, const char *arch, const struct image_pin *pin, const json_t *config)
{
	static const char *const members[][2] = {{"User", "user"}, {"WorkingDir", "workdir"},
		{"Entrypoint", "entrypoint"}, {"Cmd", "command"}, {"Env", "env"}, {"ExposedPorts", "ports"},
		{"Volumes", "volumes"}, {"StopSignal", "stop signal"}, {"Labels", "labels"}};

	printf("%-12s %s\n%-12s %s\n", "image", at->name, "arch", arch);
	if (pin->index.digest)
		printf("%-12s sha256:%s\n", "index", pin->index.digest);
	printf("%-12s sha256:%s\n%-12s sha256:%s\n", "manifest", pin->manifest.digest, "config", pin->config.digest);
	for (size_t i = 0; i < pin->n_layers; i++)
		printf("%-12s sha256:%s %10s  %s\n", i ? "" : "layers", pin->layers[i].blob.digest,
			str_bytes(pin->layers[i].blob.size), pin->layers[i].blob.type);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		print_member(config, members[i][0], members[i][1]);
}

static int image_show(struct image_args *a, struct err *err)
{
	struct image_place at;
	struct image_pin pin;

	if (pin_word(a, a->words.v[1], &at, &pin, err) < 0)
		return -1;
	_cleanup_free_ char *text = cache_read(a->cache, pin.config.digest, pin.config.size, err);
	if (!text && !err->msg)
		err_set(err, ERR_IO, "image %s: its config is not in the cache", at.name);
	_cleanup_json_ json_t *config = text ? json_parse(text, pin.config.size, "config", err) : NULL;
	if (!config)
		return -1;
	if (!cmd_globals.json) {
		print_image(&at, a->arch, &pin, json_object_get(config, "config"));
		return 0;
	}
	_cleanup_json_ json_t *j = image_json(at.name, a->arch, &pin);
	json_object_set_new(j, "image", json_incref(config));
	print_json(j);
	return 0;
}

static int image_export_to(struct image_args *a, struct err *err)
{
	struct image_place at;
	struct image_pin pin;

	if (pin_word(a, a->words.v[1], &at, &pin, err) < 0 || source_fetch(&a->pull, &at, &pin, err) < 0 ||
		image_export(a->cache, at.from.kind == SOURCE_REGISTRY ? at.name : at.from.name, &pin, a->words.v[2],
			err) < 0)
		return -1;
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = image_json(at.name, a->arch, &pin);
		json_object_set_new(j, "file", json_string(a->words.v[2]));
		print_json(j);
	} else {
		printf("%s  %s\n", a->words.v[2], at.name);
	}
	return 0;
}

static const struct {
	const char *name;
	size_t min, max; /* words, its own name among them */
	int (*run)(struct image_args *a, struct err *err);
	const char *wants;
} verbs[] = {
	{"ls", 1, 1, image_ls, "no arguments"},
	{"pull", 2, SIZE_MAX, image_pull, "one or more references"},
	{"show", 2, 2, image_show, "one reference"},
	{"export", 3, 3, image_export_to, "a reference and a file"},
};

static int run_verb(struct image_args *a, struct err *err)
{
	const char *names[ARRAY_SIZE(verbs) + 1] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		names[i] = verbs[i].name;
		if (!a->words.n || strcmp(a->words.v[0], verbs[i].name) != 0)
			continue;
		if (a->words.n < verbs[i].min || a->words.n > verbs[i].max)
			return err_set(err, ERR_USAGE, "image %s: expected %s", verbs[i].name, verbs[i].wants);
		return open_client(a, err) < 0 ? -1 : verbs[i].run(a, err);
	}
	if (!a->words.n)
		return err_set(err, ERR_USAGE, "image: expected ls, pull, show or export");
	err_set(err, ERR_USAGE, "image: expected ls, pull, show or export, found \"%s\"", a->words.v[0]);
	const char *near = str_nearest(a->words.v[0], names);
	return near ? err_hint(err, "did you mean \"%s\"?", near) : -1;
}

int cmd_image(int argc, char **argv, struct err *err)
{
	struct image_args a = {0};
	int r = parse(&a, argc, argv, err) < 0 ? -1 : run_verb(&a, err);

	args_release(&a);
	return r;
}
