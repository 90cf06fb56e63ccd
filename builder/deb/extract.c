#include "deb/extract.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ID = 65535, CONTROL_MAX = 16 << 20 };

/* A name for an error text: control bytes of a hostile archive do not reach the terminal. */
static char *shown(const char *name)
{
	char *s = xstrndup(name, 200);

	for (char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return s;
}

static int refuse(struct err *err, const char *name, const char *why)
{
	_cleanup_free_ char *s = shown(name);

	return err_set(err, ERR_VERIFY, "member \"%s\": %s", s, why);
}

static int io_error(struct err *err, const char *name, int errnum)
{
	_cleanup_free_ char *s = shown(name);

	return err_sys(err, errnum, "write member \"%s\"", s);
}

/* "./usr/bin/" -> "usr/bin"; "" is the root. NULL and an error for what must not be in a package. */
static char *safe_path(const char *name, struct err *err)
{
	struct strbuf b = STRBUF_INIT;
	const char *p = name;
	const char *why = NULL;

	if (*p == '/')
		why = "its path is absolute";
	else if (strchr(p, '\n'))
		why = "its name has a line break";
	else if (strlen(p) >= 4096)
		why = "its path is longer than 4095 bytes";
	while (!why && *p) {
		size_t n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			why = "its path has \"..\"";
		else if (n > 255)
			why = "a part of its path is longer than 255 bytes";
		else if (n && !(n == 1 && *p == '.')) {
			if (b.len)
				strbuf_addc(&b, '/');
			strbuf_add(&b, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (!why)
		return b.s ? strbuf_steal(&b) : xstrdup("");
	strbuf_release(&b);
	refuse(err, name, why);
	return NULL;
}

static int open_beneath(int dirfd, const char *path)
{
	return path_open_beneath(dirfd, path, O_PATH | O_DIRECTORY);
}

static int make_parents(int dirfd, const char *path)
{
	_cleanup_free_ char *dir = path_dir(path);
	_cleanup_fd_ int fd = open_beneath(dirfd, dir);

	if (fd >= 0)
		return 0;
	if (errno != ENOENT || make_parents(dirfd, dir) < 0)
		return -1;
	_cleanup_free_ char *above = path_dir(dir);
	_cleanup_fd_ int up = open_beneath(dirfd, above);
	return up < 0 || (mkdirat(up, path_base(dir), 0755) < 0 && errno != EEXIST) ? -1 : 0;
}

/* The directory that `path` goes into. Members come sorted: mostly it is that of the one before. */
static int parent_of(struct extract *x, const char *path, const char *name, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path);

	if (x->parent && strcmp(x->parent, dir) == 0)
		return x->parent_fd;
	cleanup_fd(&x->parent_fd);
	x->parent_fd = -1;
	cleanup_free(&x->parent);
	x->parent = NULL;
	int fd = make_parents(x->dirfd, path) < 0 ? -1 : open_beneath(x->dirfd, dir);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == EXDEV))
		return refuse(err, name, "a directory above it is a link or a file");
	if (fd < 0)
		return io_error(err, name, errno);
	x->parent = steal(dir);
	x->parent_fd = fd;
	return fd;
}

static struct timespec mtime_of(struct archive_entry *e)
{
	return (struct timespec){.tv_sec = archive_entry_mtime(e), .tv_nsec = archive_entry_mtime_nsec(e)};
}

static int set_times(int dirfd, const char *path, struct timespec mtime)
{
	return utimensat(dirfd, path, (struct timespec[]){mtime, mtime}, AT_SYMLINK_NOFOLLOW);
}

/* The data of a regular file, holes kept as holes. */
static int write_data(struct extract *x, struct archive *a, int fd, uint64_t size, const char *name, struct err *err)
{
	const void *block;
	size_t len;
	la_int64_t at;
	int r;

	while ((r = archive_read_data_block(a, &block, &len, &at)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (at < 0 || (uint64_t)at > size || len > size - (uint64_t)at)
			return refuse(err, name, "it has more data than its header says");
		x->total += len;
		if (x->total > x->limit)
			return refuse(err, name, "the package unpacks to more than 200 times its size");
		if (lseek(fd, at, SEEK_SET) < 0 || fd_write_all(fd, block, len) < 0)
			return io_error(err, name, errno);
	}
	if (r != ARCHIVE_EOF) {
		const char *why = archive_error_string(a);
		return refuse(err, name, why ? why : "its data cannot be read");
	}
	return ftruncate(fd, (off_t)size) < 0 ? io_error(err, name, errno) : 0;
}

static int make_file(
	struct extract *x, struct archive *a, struct archive_entry *e, int parent, const char *base, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	la_int64_t size = archive_entry_size(e);

	if (size < 0)
		return refuse(err, name, "its size is negative");
	_cleanup_fd_ int fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return refuse(err, name, "it is in the archive twice");
	if (fd < 0)
		return io_error(err, name, errno);
	if (write_data(x, a, fd, (uint64_t)size, name, err) < 0)
		return -1;
	struct timespec t = mtime_of(e);
	if (fchown(fd, (uid_t)archive_entry_uid(e), (gid_t)archive_entry_gid(e)) < 0 ||
		fchmod(fd, archive_entry_perm(e) & 07777) < 0 || futimens(fd, (struct timespec[]){t, t}) < 0)
		return io_error(err, name, errno);
	return 0;
}

static int make_dir(struct extract *x, struct archive_entry *e, int parent, const char *path, struct err *err)
{
	const char *name = archive_entry_pathname(e), *base = *path ? path_base(path) : ".";

	if (*path && mkdirat(parent, base, 0700) < 0 && errno != EEXIST)
		return io_error(err, name, errno);
	struct stat st;
	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return io_error(err, name, errno);
	if (!S_ISDIR(st.st_mode))
		return refuse(err, name, "it is in the archive twice");
	if (fchownat(parent, base, (uid_t)archive_entry_uid(e), (gid_t)archive_entry_gid(e), AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(parent, base, archive_entry_perm(e) & 07777, 0) < 0)
		return io_error(err, name, errno);
	vec_push(&x->dirs, (struct extract_dir){xstrdup(*path ? path : "."), mtime_of(e)});
	return 0;
}

static int make_symlink(struct archive_entry *e, int parent, const char *base, struct err *err)
{
	const char *name = archive_entry_pathname(e), *target = archive_entry_symlink(e);

	if (!target || !*target || strlen(target) >= 4096)
		return refuse(err, name, "it is a link without a usable target");
	if (symlinkat(target, parent, base) < 0)
		return errno == EEXIST ? refuse(err, name, "it is in the archive twice") : io_error(err, name, errno);
	if (fchownat(parent, base, (uid_t)archive_entry_uid(e), (gid_t)archive_entry_gid(e), AT_SYMLINK_NOFOLLOW) < 0 ||
		set_times(parent, base, mtime_of(e)) < 0)
		return io_error(err, name, errno);
	return 0;
}

static int make_hardlink(struct extract *x, struct archive_entry *e, int parent, const char *base, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *to = safe_path(archive_entry_hardlink(e), &ignored);
	_cleanup_free_ char *dir = to ? path_dir(to) : NULL;
	_cleanup_fd_ int from = dir ? open_beneath(x->dirfd, dir) : -1;
	struct stat st;

	if (from < 0 || fstatat(from, path_base(to), &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return refuse(err, name, "it is a hard link to what is not a file of the archive before it");
	if (linkat(from, path_base(to), parent, base, 0) < 0)
		return errno == EEXIST ? refuse(err, name, "it is in the archive twice") : io_error(err, name, errno);
	return 0;
}

static int check_entry(struct archive_entry *e, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	mode_t type = archive_entry_filetype(e);

	if (!name || !*name)
		return err_set(err, ERR_VERIFY, "a member without a readable name");
	if (archive_entry_uid(e) < 0 || archive_entry_uid(e) > MAX_ID || archive_entry_gid(e) < 0 ||
		archive_entry_gid(e) > MAX_ID)
		return refuse(err, name, "its owner is not within 0 to 65535");
	if (archive_entry_hardlink(e))
		return 0;
	if (type == AE_IFCHR || type == AE_IFBLK)
		return refuse(err, name, "it is a device");
	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return refuse(err, name, "it is neither file, directory nor link");
	return 0;
}

int extract_data(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err)
{
	if (check_entry(e, err) < 0)
		return -1;
	const char *name = archive_entry_pathname(e);
	_cleanup_free_ char *path = safe_path(name, err);
	if (!path)
		return -1;
	bool dir = !archive_entry_hardlink(e) && archive_entry_filetype(e) == AE_IFDIR;
	if (!*path && !dir)
		return refuse(err, name, "it stands for the root and is no directory");
	int parent = *path ? parent_of(x, path, name, err) : x->dirfd;
	if (parent < 0)
		return -1;
	strbuf_addf(x->list, "/%s\n", *path ? path : ".");
	if (archive_entry_hardlink(e))
		return make_hardlink(x, e, parent, path_base(path), err);
	if (dir)
		return make_dir(x, e, parent, path, err);
	if (archive_entry_filetype(e) == AE_IFLNK)
		return make_symlink(e, parent, path_base(path), err);
	return make_file(x, a, e, parent, path_base(path), err);
}

int extract_control(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err)
{
	if (check_entry(e, err) < 0)
		return -1;
	const char *name = archive_entry_pathname(e);
	_cleanup_free_ char *path = safe_path(name, err);
	if (!path)
		return -1;
	if (!*path && archive_entry_filetype(e) == AE_IFDIR)
		return 0;
	if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFREG || strchr(path, '/'))
		return refuse(err, name, "control members are plain files");
	/* They become info/PACKAGE.NAME; "list" is dpkg's own. */
	if (strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(path) || strcmp(path, "list") == 0)
		return refuse(err, name, "no name for a control member");
	if (archive_entry_size(e) > CONTROL_MAX)
		return refuse(err, name, "a control member over 16 MiB");
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	return make_file(x, a, e, x->dirfd, path, err);
}

int extract_finish(struct extract *x, struct err *err)
{
	for (size_t i = x->dirs.n; i-- > 0;)
		if (set_times(x->dirfd, x->dirs.v[i].path, x->dirs.v[i].mtime) < 0)
			return io_error(err, x->dirs.v[i].path, errno);
	return 0;
}

void extract_release(struct extract *x)
{
	for (size_t i = 0; i < x->dirs.n; i++)
		free(x->dirs.v[i].path);
	vec_release(&x->dirs);
	cleanup_free(&x->parent);
	x->parent = NULL;
	cleanup_fd(&x->parent_fd);
	x->parent_fd = -1;
}
