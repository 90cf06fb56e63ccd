/* kiln lock PROFILE: pin every package to what the mirror has now. */
#include "lock/lock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include <errno.h>

static uint64_t total_size(const struct lock *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->packages.n; i++)
		n += l->packages.v[i].size;
	for (size_t i = 0; i < l->images.n; i++)
		for (size_t k = 0; k < l->images.v[i].pin.n_layers; k++)
			n += l->images.v[i].pin.layers[k].blob.size;
	return n + lock_models_size(l);
}

/* What became of each package, in the order of their keys: [{"package", "from", "to"}]; from or to is null. */
static json_t *changes(const struct lock *old, const struct lock *new)
{
	json_t *list = json_array();
	size_t i = 0, k = 0;

	while (i < old->packages.n || k < new->packages.n) {
		const struct lock_package *a = i < old->packages.n ? &old->packages.v[i] : NULL;
		const struct lock_package *b = k < new->packages.n ? &new->packages.v[k] : NULL;
		int c = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
		i += c <= 0;
		k += c >= 0;
		if (c == 0 && strcmp(a->sha256, b->sha256) == 0)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s?}", "package", c <= 0 ? a->key : b->key, "from",
						    c <= 0 ? a->version : NULL, "to", c >= 0 ? b->version : NULL));
	}
	return list;
}

/* The same of images, added to the list: [{"image", "from", "to"}], the digests of their manifests. */
static void image_changes(json_t *list, const struct lock *old, const struct lock *new)
{
	size_t i = 0, k = 0;

	while (i < old->images.n || k < new->images.n) {
		const struct lock_image *a = i < old->images.n ? &old->images.v[i] : NULL;
		const struct lock_image *b = k < new->images.n ? &new->images.v[k] : NULL;
		int c = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		i += c <= 0;
		k += c >= 0;
		if (c == 0 && strcmp(a->pin.manifest.digest, b->pin.manifest.digest) == 0)
			continue;
		json_array_append_new(list,
			json_pack("{s:s, s:s?, s:s?}", "image", c <= 0 ? a->name : b->name, "from",
				c <= 0 ? a->pin.manifest.digest : NULL, "to", c >= 0 ? b->pin.manifest.digest : NULL));
	}
}

/* And of models. */
static void model_changes(json_t *list, const struct lock *old, const struct lock *new)
{
	size_t i = 0, k = 0;

	while (i < old->models.n || k < new->models.n) {
		const struct lock_model *a = i < old->models.n ? &old->models.v[i] : NULL;
		const struct lock_model *b = k < new->models.n ? &new->models.v[k] : NULL;
		int c = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		i += c <= 0;
		k += c >= 0;
		if (c == 0 && strcmp(a->pin.manifest.digest, b->pin.manifest.digest) == 0)
			continue;
		json_array_append_new(list,
			json_pack("{s:s, s:s?, s:s?}", "model", c <= 0 ? a->name : b->name, "from",
				c <= 0 ? a->pin.manifest.digest : NULL, "to", c >= 0 ? b->pin.manifest.digest : NULL));
	}
}

static void print_changes(const json_t *list)
{
	json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
	{
		const char *from = json_string_value(json_object_get(c, "from"));
		const char *to = json_string_value(json_object_get(c, "to"));
		const char *name = json_string_value(json_object_get(c, "package"));
		if (!name)
			name = json_string_value(json_object_get(c, "image"));
		if (!name)
			name = json_string_value(json_object_get(c, "model"));
		if (from && to)
			printf("  %s  %s -> %s\n", name, from, to);
		else
			printf("  %s %s  %s\n", from ? "-" : "+", name, from ? from : to);
	}
}

static void print_result(const char *path, const struct lock *l, const struct lock *old, json_t *list)
{
	uint64_t bytes = total_size(l);

	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "lock", path, "epoch",
			(json_int_t)l->epoch, "packages", (json_int_t)l->packages.n, "bytes", (json_int_t)bytes,
			"trees", (json_int_t)l->sets.n, "images", (json_int_t)l->images.n, "models",
			(json_int_t)l->models.n, "changes", list);
		_cleanup_free_ char *text = json_canonical(j);
		fputs(text, stdout);
		return;
	}
	if (old->packages.n) /* a first lock would list everything */
		print_changes(list);
	printf("%s  %zu packages for %zu trees, ", path, l->packages.n, l->sets.n);
	if (l->images.n)
		printf("%zu images, ", l->images.n);
	if (l->models.n)
		printf("%zu models, ", l->models.n);
	printf("%s%s\n", str_bytes(bytes), json_array_size(list) ? "" : "  (unchanged)");
}

int cmd_lock(int argc, char **argv, struct err *err)
{
	const char *profile = cmd_profile(argc, argv, err);
	if (!profile)
		return -1;
	_cleanup_appliance_ struct appliance *a = cmd_load(profile, err);
	if (!a)
		return -1;
	_cleanup_cache_ struct cache *cache = NULL;
	_cleanup_lock_ struct lock old = {0}, lock = {0};
	_cleanup_err_ struct err unread = ERR_INIT;
	_cleanup_free_ char *path = lock_path(a->beside);

	lock_read(path, &old, &unread); /* only to tell what changed: a bad one is replaced */
	if (cache_open(cmd_globals.cache, NULL, &cache, err) < 0 ||
		lock_resolve(a, cache, cmd_globals.offline, &lock, err) < 0 || lock_write(path, &lock, err) < 0)
		return -1;
	_cleanup_json_ json_t *list = changes(&old, &lock);
	image_changes(list, &old, &lock);
	model_changes(list, &old, &lock);
	print_result(path, &lock, &old, list);
	return 0;
}
