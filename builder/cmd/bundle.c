/* kiln bundle: all that a build from a lock needs, in one file. */
#include "steps/bundle.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "steps/inputs.h"

struct words {
	const char *v[2];
	size_t n;
	const char *file; /* -o */
};

static int parse(int argc, char **argv, struct words *w, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *v = cmd_value("-o", argc, argv, &i);
		if (i < 0)
			return err_set(err, ERR_USAGE, "bundle: -o needs a value");
		if (v)
			w->file = v;
		else if (argv[i][0] == '-')
			return err_set(err, ERR_USAGE, "bundle: unknown option \"%s\"", argv[i]);
		else if (w->n == ARRAY_SIZE(w->v))
			return err_set(err, ERR_USAGE, "bundle: too much: \"%s\"", argv[i]);
		else
			w->v[w->n++] = argv[i];
	}
	return 0;
}

static size_t count_layers(const struct carried *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->v[i].there;
	return n;
}

/* What identifies a bundle's content: the digests of its lock and, if it has one, of its list of layers. */
struct digests {
	char lock[HASH_HEX], derived[HASH_HEX];
	bool has_derived;
};

static struct digests digests_of(const struct lock *l, const struct carried *m)
{
	_cleanup_free_ char *lock = lock_text(l), *derived = carried_text(m);
	struct digests d = {.has_derived = derived != NULL};

	hash_bytes(lock, strlen(lock), d.lock);
	if (derived)
		hash_bytes(derived, strlen(derived), d.derived);
	return d;
}

static json_t *images_without(const struct carried *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].there)
			json_array_append_new(list, json_string(m->v[i].image));
	return list;
}

static int print(const char *file, const struct lock *l, const struct carried *m, const char *verdict, struct err *err)
{
	_cleanup_bundle_list_ struct bundle_list blobs = {0};
	struct digests d = digests_of(l, m);
	size_t layers = count_layers(m);

	if (bundle_list(l, m, &blobs, err) < 0)
		return -1;
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I}", "file", file,
			"lock", d.lock, "derived", d.has_derived ? d.derived : NULL, "packages",
			(json_int_t)l->packages.n, "images", (json_int_t)l->images.n, "models", (json_int_t)l->models.n,
			"layers", (json_int_t)layers, "blobs", (json_int_t)(blobs.n - layers), "bytes",
			(json_int_t)blobs.bytes);
		if (!*verdict)
			json_object_set_new(j, "not_built", images_without(m));
		_cleanup_free_ char *out = json_canonical(j);
		fputs(out, stdout);
		return 0;
	}
	printf("%s  %zu packages, ", file, l->packages.n);
	if (l->images.n)
		printf("%zu images, ", l->images.n);
	if (l->models.n)
		printf("%zu models, ", l->models.n);
	if (layers)
		printf("%zu derived layers, ", layers);
	printf("%s%s\nlock  sha256:%s\n", str_bytes(blobs.bytes), verdict, d.lock);
	if (d.has_derived)
		printf("derived  sha256:%s\n", d.derived);
	return 0;
}

static int make(const char *profile, const char *file, struct err *err)
{
	_cleanup_appliance_ struct appliance *a = cmd_load(profile, err);
	_cleanup_cache_ struct cache *cache = NULL;
	_cleanup_lock_ struct lock lock = {0};
	_cleanup_carried_ struct carried layers = {0};

	if (!a || cache_open(cmd_globals.cache, NULL, &cache, err) < 0 ||
		inputs_ready(a, cache, cmd_globals.offline, &lock, err) < 0 ||
		carried_find(a, &lock, cache, &layers, err) < 0 || bundle_write(&lock, &layers, cache, file, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.n; i++)
		if (!layers.v[i].there)
			log_warn("image %s: its derived layer is not in the cache, and so not in the bundle; \"kiln "
				 "build %s\" first for the same image on the other machine",
				layers.v[i].image, profile);
	return print(file, &lock, &layers, "", err);
}

static int verify(const char *file, struct err *err)
{
	_cleanup_lock_ struct lock lock = {0};
	_cleanup_carried_ struct carried layers = {0};

	return bundle_read(file, NULL, NULL, &lock, &layers, err) < 0 ? -1
								      : print(file, &lock, &layers, ": sound", err);
}

int cmd_bundle(int argc, char **argv, struct err *err)
{
	struct words w = {0};

	if (parse(argc, argv, &w, err) < 0)
		return -1;
	if (w.n && str_eq(w.v[0], "verify") && !w.file) {
		if (w.n == 2)
			return verify(w.v[1], err);
		err_set(err, ERR_USAGE, "bundle verify: a file is missing");
		return err_hint(err, "kiln bundle verify FILE");
	}
	if (w.n == 1 && w.file)
		return make(w.v[0], w.file, err);
	if (w.n == 2)
		err_set(err, ERR_USAGE, "bundle: one profile at a time, found \"%s\" as well", w.v[1]);
	else
		err_set(err, ERR_USAGE, "bundle: %s", w.n ? "say where it goes" : "a profile is missing");
	return err_hint(err, "for example: kiln bundle -o core.bundle core");
}
