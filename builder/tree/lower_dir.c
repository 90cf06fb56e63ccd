#include "tree/lower_dir.h"
#include "base/path.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

int lower_open_at(int at, const char *path)
{
	return openat(at, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

bool lower_below(const struct lower_tree *t, const char *path, struct stat *st, int *layer)
{
	for (size_t i = 0; i < t->parents.n; i++) {
		if (fstatat(t->parents.v[i], path, st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*layer = t->parents.v[i];
		return !is_whiteout(st);
	}
	return false;
}

void lower_dir_release(struct lower_dir *p)
{
	free(p->path);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct lower_dir){.fd = -1};
}

/* Follow the link `target` that stands in directory `dir`. */
static int follow(struct lower_tree *t, const char *dir, const char *target, struct lower_dir *out, struct err *err)
{
	_cleanup_free_ char *path =
		*target == '/' || !*dir ? xstrdup(target + strspn(target, "/")) : path_join(dir, target);

	if (++t->depth > MAX_LINKS)
		return err_set(err, ERR_VERIFY, "/%s: too many links", path);
	int r = lower_dir_open(t, path, out, err);
	t->depth--;
	return r;
}

static int read_link(int at, const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(at, path, buf, size - 1);

	if (n < 0 || (size_t)n >= size - 1)
		return -1;
	buf[n] = 0;
	return 0;
}

static int make_dir(int at, const char *name, const struct stat *like)
{
	if (mkdirat(at, name, 0755) < 0)
		return -1;
	if (fchownat(at, name, like->st_uid, like->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return fchmodat(at, name, like->st_mode & 07777, 0);
}

int lower_dir_enter(struct lower_tree *t, const struct lower_dir *dir, const char *name, const struct stat *like,
	struct lower_dir *out, struct err *err)
{
	_cleanup_free_ char *path = *dir->path ? path_join(dir->path, name) : xstrdup(name);
	char target[4096];
	struct stat st;
	int layer = dir->fd;
	bool own = fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool there = own || lower_below(t, path, &st, &layer);

	if (there && S_ISLNK(st.st_mode)) {
		if (read_link(own ? dir->fd : layer, own ? name : path, target, sizeof target) < 0)
			return err_sys(err, errno, "read link /%s", path);
		return follow(t, dir->path, target, out, err);
	}
	if (there && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_RESOLVE, "package %s has the directory /%s, which is a file of another package",
			t->package, path);
	if (!own && make_dir(dir->fd, name, there ? &st : like) < 0)
		return err_sys(err, errno, "make /%s", path);
	out->fd = lower_open_at(dir->fd, name);
	if (out->fd < 0)
		return err_sys(err, errno, "open /%s", path);
	out->path = steal(path);
	return 0;
}

int lower_dir_open(struct lower_tree *t, const char *path, struct lower_dir *out, struct err *err)
{
	static const struct stat plain = {.st_mode = 0755};
	struct strvec parts = STRVEC_INIT;
	struct lower_dir at = {.path = xstrdup(""), .fd = lower_open_at(t->root, "")};
	int rc = at.fd < 0 ? err_sys(err, errno, "open the root") : 0;

	str_split(&parts, path, "/");
	for (size_t i = 0; rc == 0 && i < parts.n; i++) {
		struct lower_dir next = {.fd = -1};
		if (strcmp(parts.v[i], ".") == 0)
			continue;
		if (strcmp(parts.v[i], "..") == 0) {
			_cleanup_free_ char *up = path_dir(at.path);
			rc = lower_dir_open(t, strcmp(up, ".") == 0 ? "" : up, &next, err);
		} else {
			rc = lower_dir_enter(t, &at, parts.v[i], &plain, &next, err);
		}
		lower_dir_release(&at);
		at = next;
	}
	strvec_release(&parts);
	if (rc < 0) {
		lower_dir_release(&at);
		return -1;
	}
	*out = at;
	return 0;
}
