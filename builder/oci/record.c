#include "oci/record.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include <dirent.h>
#include <errno.h>

enum { RECORD_MAX = 8 << 20 };

static char *record_path(const struct cache *c, const char *name, const char *arch)
{
	_cleanup_free_ char *key = xasprintf("%s %s", arch, name), *file = NULL;
	char hex[HASH_HEX];

	hash_bytes(key, strlen(key), hex);
	file = xasprintf("images/%s.json", hex);
	return cache_path(c, file);
}

int record_write(struct cache *c, const char *name, const char *arch, const struct image_pin *pin, struct err *err)
{
	_cleanup_free_ char *path = record_path(c, name, arch);
	_cleanup_json_ json_t *j = pin_json(pin);

	json_object_set_new(j, "name", json_string(name));
	json_object_set_new(j, "arch", json_string(arch));
	return json_write(path, j, err);
}

static int read_path(const char *path, struct arena *arena, struct record *ret, struct err *err)
{
	static const char *const own[] = {"name", "arch", NULL};
	_cleanup_json_ json_t *j = json_read(path, RECORD_MAX, err);
	const char *name, *arch;

	if (!j)
		return -1;
	if (pin_read(j, own, arena, &ret->pin, err) < 0 || !(name = json_need_str(j, "name", err)) ||
		!(arch = json_need_str(j, "arch", err)))
		return err_wrap(err, "%s", path);
	ret->name = arena_strdup(arena, name);
	ret->arch = arena_strdup(arena, arch);
	return 0;
}

int record_read(struct cache *c, const char *name, const char *arch, struct arena *arena, struct image_pin *ret,
	struct err *err)
{
	_cleanup_free_ char *path = record_path(c, name, arch);
	struct record r;

	if (!path_exists(path))
		return 0;
	if (read_path(path, arena, &r, err) < 0)
		return -1;
	*ret = r.pin;
	return 1;
}

static int by_name(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->arch, y->arch);
}

int record_list(struct cache *c, struct arena *arena, struct records *ret, struct err *err)
{
	_cleanup_free_ char *dir = cache_path(c, "images");
	struct dirent *e;
	int r = 0;
	DIR *d = opendir(dir);

	if (!d)
		return err_sys(err, errno, "%s", dir);
	while (r == 0 && (e = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, e->d_name);
		struct record one;
		if (!str_ends(e->d_name, ".json"))
			continue;
		r = read_path(path, arena, &one, err);
		if (r == 0)
			vec_push(&ret->all, one);
	}
	closedir(d);
	if (ret->all.n)
		qsort(ret->all.v, ret->all.n, sizeof *ret->all.v, by_name);
	return r;
}
