#include "steps/users.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/tools.h"
#include "wire/wire.h"
#include <string.h>

struct user_files {
	struct user_files *next;
	const struct tree_spec *tree;
	char *passwd, *group;
};

enum { MAX_PASSWD = 1 << 20 };

static char *read_file(const struct tree_step *t, const char *path, struct err *err)
{
	_cleanup_free_ char *file = tree_file(t->all, path, err);

	return file ? path_read(file, MAX_PASSWD, NULL, err) : NULL;
}

static const struct user_files *files_of(struct users *u, const struct tree_spec *tree, struct err *err)
{
	for (const struct user_files *f = u->cache; f; f = f->next)
		if (f->tree == tree)
			return f;
	const struct tree_step *t = trees_find(u->trees, tree->id);
	_cleanup_free_ char *passwd = read_file(t, "etc/passwd", err);
	_cleanup_free_ char *group = passwd ? read_file(t, "etc/group", err) : NULL;
	if (!group)
		return NULL;
	struct user_files *f = xcalloc(1, sizeof *f);
	*f = (struct user_files){.next = u->cache, .tree = tree, .passwd = steal(passwd), .group = steal(group)};
	return u->cache = f;
}

int users_find(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid, uint32_t *gid,
	struct err *err)
{
	static const struct user_files none = {.passwd = (char *)"", .group = (char *)""};
	const struct user_files *f = &none; /* an upstream image: numbers only */

	if (c->tree && !(f = files_of(arg, c->tree, err)))
		return err_wrap(err, "users of container %s", c->name);
	return wire_find_user(f->passwd, f->group, owner, group, uid, gid, err);
}

void users_release(struct users *u)
{
	while (u->cache) {
		struct user_files *next = u->cache->next;
		free(u->cache->passwd);
		free(u->cache->group);
		free(u->cache);
		u->cache = next;
	}
}
