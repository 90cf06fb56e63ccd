/* file: a file in a container's volume, seen from the machine. */
#include "base/path.h"
#include "target/agent/step.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The volume's content belongs to the container, which is not trusted: every path is resolved inside of it, and the
 * new file replaces whatever has that name, a link included.
 */
static int place(
	int root, const char *path, const char *text, unsigned mode, unsigned uid, unsigned gid, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path), *tmp = xasprintf(".%s.kiln", path_base(path));
	if (path_mkparents_in(root, path) < 0)
		return err_sys(err, errno, "%s", path);
	_cleanup_fd_ int dirfd = path_open_in(root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dirfd < 0 || (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT))
		return err_sys(err, errno, "%s", path);
	_cleanup_fd_ int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 ||
		fsync(fd) < 0 || renameat(dirfd, tmp, dirfd, path_base(path)) < 0 || fsync(dirfd) < 0) {
		int e = errno;
		unlinkat(dirfd, tmp, 0);
		return err_sys(err, e, "%s", path);
	}
	return 0;
}

int step_file(struct step_run *r, const json_t *x, const json_t *around, struct err *err)
{
	(void)around;
	const json_t *volumes = json_object_get(x, "volumes");
	const char *path = json_string_value(json_object_get(x, "path"));
	const char *text = json_string_value(json_object_get(x, "text"));
	if (!path || !text || !json_array_size(volumes))
		return err_set(err, ERR_CONFIG, "file: volumes, path and text are needed");
	json_int_t mode = json_integer_value(json_object_get(x, "mode"));
	unsigned uid = (unsigned)json_integer_value(json_object_get(x, "uid"));
	unsigned gid = (unsigned)json_integer_value(json_object_get(x, "gid"));
	for (size_t i = 0; i < json_array_size(volumes); i++) {
		const char *name = json_string_value(json_array_get(volumes, i));
		if (!name || !agent_id_ok(name) || strchr(name, '/'))
			return err_set(err, ERR_CONFIG, "file: \"%s\" is no volume", name ? name : "");
		_cleanup_free_ char *dir = xasprintf("%s/volumes/%s/_data", r->a->state, name);
		_cleanup_fd_ int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return err_sys(err, errno, "volume %s", name);
		if (place(root, path, text, mode ? (unsigned)mode & 07777 : 0600, uid, gid, err) < 0)
			return err_wrap(err, "volume %s", name);
	}
	return 0;
}
