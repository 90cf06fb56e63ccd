#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "tree/session.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

/* The numbers of an owner and a group; without a group: the owner's number. */
static int resolve_owner(const char *owner, const char *group, unsigned *uid, unsigned *gid, struct err *err)
{
	*uid = 0;
	if (owner && users_id("/etc/passwd", owner, uid, err) < 0)
		return -1;
	*gid = *uid;
	return group ? users_id("/etc/group", group, gid, err) : 0;
}

/* Whatever is there but a directory makes way. */
static int make_way(const char *path, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path);

	if (path_mkdirs(dir, err) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "replace %s", path);
	return 0;
}

static int place_file(const struct file_spec *f, int from, struct err *err)
{
	unsigned uid, gid, mode = f->mode;
	struct stat st;

	if (resolve_owner(f->owner, f->group, &uid, &gid, err) < 0)
		return err_wrap(err, "file %s", f->path);
	if (!mode) {
		bool exec = from >= 0 && fstat(from, &st) == 0 && (st.st_mode & 0111);
		mode = exec ? 0755 : 0644;
	}
	if (make_way(f->path, err) < 0)
		return -1;
	_cleanup_fd_ int to = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(err, errno, "write %s", f->path);
	int r = from >= 0 ? (lseek(from, 0, SEEK_SET) < 0 ? -1 : fd_copy(from, to, UINT64_MAX))
			  : fd_write_all(to, f->text ? f->text : "", f->text ? strlen(f->text) : 0);
	if (r < 0 || fchown(to, uid, gid) < 0 || fchmod(to, mode) < 0)
		return err_sys(err, errno, "write %s", f->path);
	return 0;
}

int place_files(const struct file_list *list, const int *fds, struct err *err)
{
	for (size_t i = 0; i < list->n; i++)
		if (!list->v[i].runtime && place_file(&list->v[i], fds[i], err) < 0)
			return -1;
	return 0;
}

static int place_dirs(const struct tree_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->dirs.n; i++) {
		const struct dir_spec *d = &spec->dirs.v[i];
		unsigned uid, gid;
		if (resolve_owner(d->owner, d->group, &uid, &gid, err) < 0)
			return err_wrap(err, "directory %s", d->path);
		if (path_mkdirs(d->path, err) < 0)
			return -1;
		if (chown(d->path, uid, gid) < 0 || chmod(d->path, d->mode ? d->mode : 0755) < 0)
			return err_sys(err, errno, "directory %s", d->path);
	}
	return 0;
}

static int place_link(const char *path, const char *target, struct err *err)
{
	if (make_way(path, err) < 0)
		return -1;
	return symlink(target, path) < 0 ? err_sys(err, errno, "link %s", path) : 0;
}

static int place_units(const struct session *s, struct err *err)
{
	const struct tree_spec *spec = s->job->spec;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	struct proc_opts o = {.log_fd = s->log, .cwd = "/"};

	for (size_t i = 0; i < spec->mask.n; i++) {
		_cleanup_free_ char *path = path_join("/etc/systemd/system", spec->mask.v[i]);
		if (place_link(path, "/dev/null", err) < 0)
			return err_wrap(err, "mask %s", spec->mask.v[i]);
	}
	if (!spec->enable.n)
		return 0;
	strvec_addl(&argv, "systemctl", "--root=/", "enable", NULL);
	strvec_add_all(&argv, spec->enable.v);
	return proc_run((const char *const *)argv.v, &o, err) < 0 ? -1 : 0;
}

static int take_out(const char *pattern, struct err *err)
{
	glob_t g;
	int r = glob(pattern, GLOB_PERIOD, NULL, &g), rc = 0;

	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return err_set(err, ERR_IO, "remove %s: cannot be expanded", pattern);
	for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++) {
		const char *base = path_base(g.gl_pathv[i]);
		if (strcmp(base, ".") != 0 && strcmp(base, "..") != 0)
			rc = path_remove(g.gl_pathv[i], err);
	}
	globfree(&g);
	return rc;
}

int place_rest(const struct session *s, struct err *err)
{
	const struct tree_spec *spec = s->job->spec;

	if (place_dirs(spec, err) < 0 || place_files(&spec->files, s->file_fds, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->links.n; i++)
		if (place_link(spec->links.v[i].key, spec->links.v[i].value, err) < 0)
			return -1;
	if (place_units(s, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->remove.n; i++)
		if (take_out(spec->remove.v[i], err) < 0)
			return -1;
	return 0;
}
