#include "tree/sum.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "tree/attrs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add_dir(struct hash *h, int fd, const char *path, bool top, struct err *err);

static int add_attrs(struct hash *h, int fd, struct err *err)
{
	struct attrs a = {0};

	if (attrs_read(fd, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.n; i++) {
		hash_field(h, a.v[i].name);
		hash_field_u64(h, a.v[i].len);
		hash_add(h, a.v[i].value, a.v[i].len);
	}
	attrs_release(&a);
	return 0;
}

static int add_content(
	struct hash *h, int at, const char *name, const struct stat *st, const char *path, struct err *err)
{
	_cleanup_fd_ int fd =
		openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (S_ISDIR(st->st_mode) ? O_DIRECTORY : 0));

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	if (add_attrs(h, fd, err) < 0)
		return err_wrap(err, "%s", path);
	if (S_ISREG(st->st_mode)) {
		char hex[HASH_HEX];
		if (hash_fd(fd, hex, err) < 0)
			return err_wrap(err, "%s", path);
		hash_field(h, hex);
		return 0;
	}
	enum overlay_mark mark;
	if (attrs_overlay_mark(fd, &mark, err) < 0)
		return err_wrap(err, "%s", path);
	hash_field_u64(h, mark);
	return add_dir(h, fd, path, false, err);
}

static int add_link(struct hash *h, int at, const char *name, const char *path, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(at, name, target, sizeof target - 1);

	if (n < 0)
		return err_sys(err, errno, "read link %s", path);
	target[n] = 0;
	hash_field(h, target);
	return 0;
}

static int add_entry(struct hash *h, int at, const char *name, const char *parent, struct err *err)
{
	_cleanup_free_ char *path = path_join(parent, name);
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at %s", path);
	hash_field(h, name);
	hash_field_u64(h, st.st_mode);
	hash_field_u64(h, st.st_uid);
	hash_field_u64(h, st.st_gid);
	hash_field_u64(h, (uint64_t)st.st_mtim.tv_sec);
	if (S_ISLNK(st.st_mode))
		return add_link(h, at, name, path, err);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return add_content(h, at, name, &st, path, err);
	hash_field_u64(h, st.st_rdev);
	return 0;
}

static int read_names(int fd, bool top, const char *path, struct strvec *names, struct err *err)
{
	int copy = dup(fd);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		err_sys(err, errno, "read %s", path);
		if (copy >= 0)
			close(copy);
		return -1;
	}
	errno = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			!(top && strcmp(e->d_name, SUM_FILE) == 0))
			strvec_add(names, e->d_name);
		errno = 0;
	}
	int failed = errno;
	closedir(d);
	strvec_sort(names);
	return failed ? err_sys(err, failed, "read %s", path) : 0;
}

static int add_dir(struct hash *h, int fd, const char *path, bool top, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (read_names(fd, top, path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (add_entry(h, fd, names.v[i], path, err) < 0)
			return -1;
	hash_field(h, NULL);
	return 0;
}

int sum_of(const char *dir, char hex[HASH_HEX], struct err *err)
{
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open %s", dir);
	struct hash *h = hash_new();
	int r = add_dir(h, fd, dir, true, err);
	hash_end(h, hex);
	return r;
}

int sum_record(const char *dir, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, SUM_FILE);
	char hex[HASH_HEX];

	/* No fsync of its own, as path_write has it: the directory is synced as a whole before it gets its name. */
	if (sum_of(dir, hex, err) < 0)
		return -1;
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 || fd_write_all(fd, hex, HASH_HEX - 1) < 0 ? err_sys(err, errno, "write %s", path) : 0;
}

/* The kernel's ways to say that a file system or its medium does not give back what was stored. */
static bool is_damage(int sys)
{
	return sys == EIO || sys == EUCLEAN || sys == EBADMSG || sys == EILSEQ;
}

int sum_check(const char *dir, enum sum_state *ret, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, SUM_FILE);
	_cleanup_err_ struct err e = ERR_INIT;
	char hex[HASH_HEX] = "";
	_cleanup_free_ char *want = path_read(path, 4096, NULL, &e);

	*ret = SUM_HOLDS;
	if (!want && e.sys == ENOENT) {
		*ret = SUM_NONE;
		return 0;
	}
	if (want && sum_of(dir, hex, &e) == 0) {
		if (strcmp(want, hex) != 0)
			*ret = SUM_DAMAGED;
		return 0;
	}
	*ret = SUM_DAMAGED;
	/* A record over 4096 bytes is none either. */
	if (is_damage(e.sys) || (!want && !e.sys))
		return 0;
	err_move(err, &e);
	return -1;
}
