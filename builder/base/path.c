#include "base/path.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (*b == '/')
		b++;
	return xasprintf("%s%s%s", a, n && a[n - 1] == '/' ? "" : "/", b);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

bool path_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool path_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int path_mkdirs(const char *path, struct err *err)
{
	if (mkdir(path, 0777) == 0 || (errno == EEXIST && path_is_dir(path)))
		return 0;
	if (errno != ENOENT)
		return err_sys(err, errno == EEXIST ? ENOTDIR : errno, "make directory %s", path);
	_cleanup_free_ char *parent = path_dir(path);
	if (path_mkdirs(parent, err) < 0)
		return -1;
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make directory %s", path);
	return 0;
}

char *path_read(const char *path, size_t max, size_t *ret_len, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(err, errno, "open %s", path);
		return NULL;
	}
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	char chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys(err, errno, "read %s", path);
			return NULL;
		}
		if (n == 0)
			break;
		if (b.len + (size_t)n > max) {
			err_set(err, ERR_IO, "read %s: larger than the %s this kind of file may have", path,
				str_bytes(max));
			return NULL;
		}
		strbuf_add(&b, chunk, (size_t)n);
	}
	if (ret_len)
		*ret_len = b.len;
	return strbuf_steal(&b);
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_copy(int from, int to, uint64_t len)
{
	_cleanup_free_ char *buf = xmalloc(1 << 17);

	while (len) {
		ssize_t n = read(from, buf, len < (1 << 17) ? (size_t)len : (1 << 17));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0) {
			if (len == UINT64_MAX)
				return 0;
			errno = ENODATA;
			return -1;
		}
		if (fd_write_all(to, buf, (size_t)n) < 0)
			return -1;
		if (len != UINT64_MAX)
			len -= (uint64_t)n;
	}
	return 0;
}

int path_sync_dir(const char *dir, struct err *err)
{
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "sync directory %s", dir);
	return 0;
}

int path_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.XXXXXX", path);
	_cleanup_fd_ int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "write %s", path);
	if (fd_write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
		int e = errno;
		unlink(tmp);
		return err_sys(err, e, "write %s", path);
	}
	_cleanup_free_ char *dir = path_dir(path);
	return path_sync_dir(dir, err);
}

bool path_is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXUSR);
}

/* Copy data extents only; a file system without SEEK_DATA says that all is data. */
static int copy_sparse(int from, int to, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? ftruncate(to, size) : -1;
		off_t end = lseek(from, data, SEEK_HOLE);
		if (end < 0 || lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0 ||
			fd_copy(from, to, (uint64_t)(end - data)) < 0)
			return -1;
		at = end;
	}
	return ftruncate(to, size);
}

int path_copy(const char *from, const char *to, mode_t mode, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.XXXXXX", to);
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, errno, "open %s", from);
	if ((out = mkostemp(tmp, O_CLOEXEC)) < 0)
		return err_sys(err, errno, "write %s", to);
	if (copy_sparse(in, out, st.st_size) < 0 || fchmod(out, mode) < 0 || fsync(out) < 0 || rename(tmp, to) < 0) {
		int e = errno;
		unlink(tmp);
		return err_sys(err, e, "copy %s to %s", from, to);
	}
	_cleanup_free_ char *dir = path_dir(to);
	return path_sync_dir(dir, err);
}

static int remove_at(int dirfd, const char *name, dev_t dev)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -1 : 0;
	if (st.st_dev != dev) {
		errno = EXDEV;
		return -1;
	}
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (!(st.st_mode & S_IWUSR))
		(void)fchmod(fd, 0700); /* a read-only directory cannot be emptied by an ordinary user */
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -1;
	}
	int r = 0;
	struct dirent *e;
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_at(fd, e->d_name, dev);
	int saved = errno;
	closedir(d);
	if (r < 0) {
		errno = saved;
		return -1;
	}
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
}

int path_remove(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "remove %s", path);
	if (remove_at(AT_FDCWD, path, st.st_dev) < 0)
		return err_sys(err, errno, "remove %s", path);
	return 0;
}

char *path_tempdir(const char *parent, const char *prefix, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/%sXXXXXX", parent, prefix);

	if (!mkdtemp(dir)) {
		err_sys(err, errno, "make a temporary directory in %s", parent);
		return NULL;
	}
	return steal(dir);
}

char *path_scratch(const char *prefix, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	return path_tempdir(tmp && *tmp ? tmp : "/var/tmp", prefix, err);
}

static int open_resolved(int rootfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof how);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

int path_open_in(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT);
}

int path_open_beneath(int rootfd, const char *path, int flags)
{
	return open_resolved(rootfd, *path ? path : ".", flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int path_mkparents_in(int rootfd, const char *path)
{
	_cleanup_free_ char *dir = path_dir(path);

	if (strcmp(dir, ".") == 0 || strcmp(dir, "/") == 0)
		return 0;
	_cleanup_fd_ int fd = path_open_in(rootfd, dir, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		return 0;
	if (errno != ENOENT || path_mkparents_in(rootfd, dir) < 0)
		return -1;
	_cleanup_free_ char *up = path_dir(dir);
	_cleanup_fd_ int upfd = path_open_in(rootfd, up, O_PATH | O_DIRECTORY, 0);
	if (upfd < 0)
		return -1;
	return mkdirat(upfd, path_base(dir), 0755) < 0 && errno != EEXIST ? -1 : 0;
}
