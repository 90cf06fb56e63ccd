#include "config/roots.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#ifndef KILN_DATA_DIR
#define KILN_DATA_DIR "/usr/local/share/kiln"
#endif

const char *const layer_names[] = {"base", "edge", "data", "messaging", "ai", "observability", "devops", NULL};

static const char *shown_path(struct arena *arena, const char *path, const char *cwd)
{
	size_t n = strlen(cwd);
	if (!strcmp(path, cwd))
		return "";
	if (n > 1 && !strncmp(path, cwd, n) && path[n] == '/')
		return arena_strdup(arena, path + n + 1);
	return arena_strdup(arena, path);
}

int roots_find(struct arena *arena, const char *profile_path, struct roots *ret, struct err *err)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0);
	_cleanup_free_ char *given = path_dir(profile_path);
	_cleanup_free_ char *dir = realpath(given, NULL);
	if (!cwd || !dir)
		return err_sys(err, errno, "%s", cwd ? given : "working directory");
	VEC(struct root) roots = {0};
	for (;;) {
		_cleanup_free_ char *overlays = path_join(dir, "overlays");
		if (path_is_dir(overlays)) {
			struct root r = {.path = arena_strdup(arena, dir), .shown = shown_path(arena, dir, cwd)};
			vec_push(&roots, r);
		}
		if (!strcmp(dir, "/"))
			break;
		char *up = path_dir(dir);
		free(dir);
		dir = up;
	}
	const char *data = getenv("KILN_DATA");
	_cleanup_free_ char *installed = realpath(data && *data ? data : KILN_DATA_DIR, NULL);
	if (installed) {
		struct root r = {.path = arena_strdup(arena, installed), .shown = shown_path(arena, installed, cwd)};
		vec_push(&roots, r);
	}
	ret->n = roots.n;
	ret->v = arena_alloc(arena, (roots.n + 1) * sizeof *ret->v);
	if (roots.n)
		memcpy(ret->v, roots.v, roots.n * sizeof *ret->v);
	vec_release(&roots);
	if (ret->n)
		return 0;
	err_set(err, ERR_CONFIG, "no directory above %s holds overlays/, and nothing is installed", profile_path);
	return err_hint(err, "work in a checkout of kiln, or set KILN_DATA to one");
}

static int found_in(const struct root *r, struct arena *arena, const char *rel, struct found *ret)
{
	const char *path = arena_printf(arena, "%s/%s", r->path, rel);
	if (!path_exists(path))
		return 0;
	ret->path = path;
	ret->shown = *r->shown ? arena_printf(arena, "%s/%s", r->shown, rel) : rel;
	return 1;
}

int roots_yaml(const struct roots *r, struct arena *arena, const char *dir, const char *name, struct found *ret)
{
	const char *rel = arena_printf(arena, "%s/%s.yaml", dir, name);
	for (size_t i = 0; i < r->n; i++)
		if (found_in(&r->v[i], arena, rel, ret))
			return 1;
	return 0;
}

int roots_service(const struct roots *r, struct arena *arena, const char *name, struct found *ret)
{
	*ret = (struct found){0};
	for (size_t i = 0; i < r->n && !ret->layer; i++)
		for (const char *const *layer = layer_names; *layer; layer++) {
			const char *rel = arena_printf(arena, "overlays/%s/%s/service.yaml", *layer, name);
			struct found f = {0};
			if (!found_in(&r->v[i], arena, rel, &f))
				continue;
			if (ret->layer) {
				ret->also = *layer;
				continue;
			}
			*ret = f;
			ret->layer = *layer;
		}
	return ret->layer != NULL;
}

/* Names in one directory: of subdirectories that hold `inner`, or (inner NULL) of files "NAME.yaml". */
static void list_dir(const char *dir, const char *inner, struct strvec *out)
{
	DIR *d = opendir(dir);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		if (inner) {
			_cleanup_free_ char *file = xasprintf("%s/%s/%s", dir, e->d_name, inner);
			if (path_exists(file))
				strvec_add(out, e->d_name);
		} else if (str_ends(e->d_name, ".yaml")) {
			strvec_take(out, xstrndup(e->d_name, strlen(e->d_name) - 5));
		}
	}
	closedir(d);
}

static const char *const *finish(struct strvec *v, struct arena *arena)
{
	strvec_sort(v);
	strvec_uniq(v);
	const char **list = arena_alloc(arena, (v->n + 1) * sizeof *list);
	for (size_t i = 0; i < v->n; i++)
		list[i] = arena_strdup(arena, v->v[i]);
	return list;
}

const char *const *roots_services(const struct roots *r, struct arena *arena)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	for (size_t i = 0; i < r->n; i++)
		for (const char *const *layer = layer_names; *layer; layer++) {
			_cleanup_free_ char *dir = xasprintf("%s/overlays/%s", r->v[i].path, *layer);
			list_dir(dir, "service.yaml", &v);
		}
	return finish(&v, arena);
}

const char *const *roots_names(const struct roots *r, struct arena *arena, const char *dir)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	for (size_t i = 0; i < r->n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", r->v[i].path, dir);
		list_dir(path, NULL, &v);
	}
	return finish(&v, arena);
}
