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

/* A package, image or model of a lock; sorted by name, none at the end. */
struct pinned {
	const char *name, *digest;
	const char *shown; /* its version, or the digest */
};

static struct pinned *packages(const struct lock *l)
{
	struct pinned *p = xcalloc(l->packages.n + 1, sizeof *p);
	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *v = &l->packages.v[i];
		p[i] = (struct pinned){v->key, v->sha256, v->version};
	}
	return p;
}

static struct pinned *images(const struct lock *l)
{
	struct pinned *p = xcalloc(l->images.n + 1, sizeof *p);
	for (size_t i = 0; i < l->images.n; i++) {
		const char *digest = l->images.v[i].pin.manifest.digest;
		p[i] = (struct pinned){l->images.v[i].name, digest, digest};
	}
	return p;
}

static struct pinned *models(const struct lock *l)
{
	struct pinned *p = xcalloc(l->models.n + 1, sizeof *p);
	for (size_t i = 0; i < l->models.n; i++) {
		const char *digest = l->models.v[i].pin.manifest.digest;
		p[i] = (struct pinned){l->models.v[i].name, digest, digest};
	}
	return p;
}

/* What became of each, added to the list: {WHAT, "from", "to"}; from or to is null. Frees what it is given. */
static void add_changes(json_t *list, const char *what, struct pinned *old, struct pinned *new)
{
	const struct pinned *a = old, *b = new;

	while (a->name || b->name) {
		int c = !a->name ? 1 : !b->name ? -1 : strcmp(a->name, b->name);
		if (c != 0 || strcmp(a->digest, b->digest) != 0)
			json_array_append_new(
				list, json_pack("{s:s, s:s?, s:s?}", what, c <= 0 ? a->name : b->name, "from",
					      c <= 0 ? a->shown : NULL, "to", c >= 0 ? b->shown : NULL));
		a += c <= 0;
		b += c >= 0;
	}
	free(old);
	free(new);
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
	_cleanup_json_ json_t *list = json_array();
	add_changes(list, "package", packages(&old), packages(&lock));
	add_changes(list, "image", images(&old), images(&lock));
	add_changes(list, "model", models(&old), models(&lock));
	print_result(path, &lock, &old, list);
	return 0;
}
