#include "steps/entries.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/namespace.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_hex(const char *s, size_t n, const char *end)
{
	return strspn(s, "0123456789abcdef") == n && strcmp(s + n, end) == 0;
}

/* "NAME-KEY", as graph_place has it. */
static bool is_step(const char *s)
{
	const char *dash = strrchr(s, '-');

	return dash && dash > s && is_hex(dash + 1, 32, "");
}

static bool is_entry(const char *part, const char *name)
{
	if (strcmp(part, "steps") == 0)
		return is_step(name);
	if (strcmp(part, "apt") == 0)
		return is_hex(name, 16, "");
	return is_hex(name, 64, strcmp(part, "images") == 0 || strcmp(part, "models") == 0 ? ".json" : "");
}

int entries_of(const struct cache *c, const char *part, struct strvec *ret, struct err *err)
{
	_cleanup_free_ char *dir = cache_path(c, part);
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, errno, "read %s", dir);
	for (struct dirent *e; (e = readdir(d));)
		if (is_entry(part, e->d_name))
			strvec_addf(ret, "%s/%s", part, e->d_name);
	closedir(d);
	strvec_sort(ret);
	return 0;
}

struct removal {
	const struct cache *c;
	const struct strvec *entries;
};

static int remove_to(const struct removal *r, const char *dir, struct err *err)
{
	_cleanup_free_ char *away = path_join(dir, "entry");

	for (size_t i = 0; i < r->entries->n; i++) {
		_cleanup_free_ char *path = cache_path(r->c, r->entries->v[i]);
		if (rename(path, away) < 0 && errno != ENOENT)
			return err_sys(err, errno, "remove %s", path);
		if (path_remove(away, err) < 0)
			return -1;
	}
	return 0;
}

/* What of it cannot be removed is in nobody's way, and left for the next kiln's try. */
static int remove_all(void *arg, struct err *err)
{
	const struct removal *r = arg;
	_cleanup_free_ char *dir = cache_tmp_dir(r->c, "removed", err);
	_cleanup_err_ struct err ignored = ERR_INIT;

	if (!dir)
		return -1;
	int result = remove_to(r, dir, err);
	(void)path_remove(dir, &ignored);
	return result;
}

int entries_remove(const struct cache *c, const struct strvec *entries, struct err *err)
{
	return entries->n ? ns_call(remove_all, &(struct removal){.c = c, .entries = entries}, err) : 0;
}
