/* What commands share: the profile they work on. */
#include "base/path.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "config/bind.h"
#include "config/roots.h"
#include "format/format.h"
#include <errno.h>
#include <sys/stat.h>

const char *cmd_profile(int argc, char **argv, struct err *err)
{
	if (argc == 2 && argv[1][0] != '-')
		return argv[1];
	if (argc < 2)
		err_set(err, ERR_USAGE, "%s: a profile is missing", argv[0]);
	else if (argv[1][0] == '-')
		err_set(err, ERR_USAGE, "%s: unknown option \"%s\"", argv[0], argv[1]);
	else
		err_set(err, ERR_USAGE, "%s: one profile at a time, found \"%s\" as well", argv[0], argv[2]);
	err_hint(err, "for example: kiln %s core", argv[0]);
	return NULL;
}

bool cmd_is_name(const char *given)
{
	struct stat st;

	return bind_is_ident(given) && (stat(given, &st) < 0 || S_ISDIR(st.st_mode));
}

const char *cmd_shipped(const char *name, struct arena *arena, struct err *err)
{
	struct roots roots;
	struct found f;

	if (roots_find(arena, arena_printf(arena, "./%s.yaml", name), &roots, err) < 0)
		return NULL;
	if (roots_yaml(&roots, arena, "profiles", name, &f))
		return f.shown;
	err_set(err, ERR_CONFIG, "there is no profile '%s'", name);
	const char *file = arena_printf(arena, "%s.yaml", name);
	if (path_exists(file))
		err_hint(err, "a file goes by its whole name: %s", file);
	else
		bind_hint(err, name, roots_names(&roots, arena, "profiles"));
	return NULL;
}

/* What `plan` cannot know, as it stands below the formats. */
static int check_outputs(const struct appliance *a, struct err *err)
{
	for (size_t i = 0; i < a->outputs.n; i++)
		if (!format_find(a->outputs.v[i], err))
			return a->outputs_at ? err_wrap(err, "%s: outputs", a->outputs_at) : -1;
	return 0;
}

struct appliance *cmd_load(const char *given, struct err *err)
{
	struct arena arena = {0};
	const char *path = cmd_is_name(given) ? cmd_shipped(given, &arena, err) : given;
	struct appliance *a = path ? appliance_load(path, err) : NULL;

	if (a && check_outputs(a, err) < 0) {
		appliance_free(a);
		a = NULL;
	}
	if (a && path != given && path[0] == '/')
		a->beside = arena_printf(&a->arena, "%s.yaml", given);
	arena_release(&arena);
	return a;
}

int cmd_lock_of(const struct appliance *a, const char *given, struct lock *ret, struct err *err)
{
	_cleanup_free_ char *path = lock_path(a->beside);

	if (lock_read(path, ret, err) < 0)
		return err->sys == ENOENT ? err_hint(err, "\"kiln lock %s\" makes it", given) : -1;
	_cleanup_free_ char *differs = lock_difference(ret, a);
	if (!differs)
		return 0;
	err_set(err, ERR_CONFIG, "%s does not fit %s: %s", path, a->file, differs);
	return err_hint(err, "\"kiln lock %s\" makes it anew", given);
}

int cmd_lock_at(const char *path, struct lock *ret, struct err *err)
{
	if (lock_read(path, ret, err) == 0)
		return 0;
	return err->sys == ENOENT ? err_hint(err, "\"kiln lock PROFILE\" makes it, beside the profile") : -1;
}
