/*
 * A disk: the file system with a label. It is mounted in a mount namespace of our own, so that the kernel takes it off
 * however we end. Its content is outside data: every name is resolved below its root, links are not followed.
 */
#include "base/path.h"
#include "base/proc.h"
#include "target/agent/backup.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PARTIAL ".partial"

struct disk {
	int root;   /* of the file system */
	int dir;    /* the new backup's directory; -1: none */
	int item;   /* ... its parent */
	int data;   /* ... its stream */
	char *name; /* ... its name */
	char *at;   /* where it is mounted */
	bool mounted;
};

static int full(const struct vault *v, int number, struct err *err)
{
	const struct disk *d = v->own;
	struct statvfs s;
	if (number != ENOSPC && number != EDQUOT)
		return err_sys(err, number, "%s", v->where);
	if (fstatvfs(d->root, &s) < 0)
		return err_set(err, ERR_IO, "%s is full", v->where);
	err_set(err, ERR_IO, "%s is full: %s of %s free", v->where, str_bytes((uint64_t)s.f_bavail * s.f_frsize),
		str_bytes((uint64_t)s.f_blocks * s.f_frsize));
	return err_hint(err, "keep fewer backups, or attach a larger disk; what is on it stays good");
}

static int mount_disk(struct vault *v, struct disk *d, const char *label, struct err *err)
{
	_cleanup_free_ char *device = path_join("/dev/disk/by-label", label);
	const char *const argv[] = {"mount", "-t", "ext4", "-o", "nosuid,nodev,noexec,noatime", device, d->at, NULL};
	struct stat st;
	if (stat(device, &st) < 0 || !S_ISBLK(st.st_mode)) {
		err_set(err, ERR_IO, "%s is not attached", v->where);
		return err_hint(err, "it is found by the label of its ext4 file system: mkfs.ext4 -L %s DEVICE", label);
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, errno, "a mount namespace");
	if (proc_run(argv, &(struct proc_opts){.timeout_ms = 300000}, err) < 0)
		return err_wrap(err, "%s", v->where);
	d->mounted = true;
	return 0;
}

static int disk_open(struct vault *v, const struct agent *a, const json_t *options, struct err *err)
{
	const char *label = json_string_value(json_object_get(options, "disk"));
	if (!label || !*label || strlen(label) > 16 || !agent_id_ok(label) || strchr(label, '/'))
		return err_set(err, ERR_CONFIG, "disk \"%s\" is not the label of a file system", label ? label : "");
	struct disk *d = v->own = xcalloc(1, sizeof *d);
	d->root = d->dir = d->item = d->data = -1;
	v->where = xasprintf("the disk %s", label);
	d->at = path_join(a->run, "backup/disk");
	if (path_mkdirs(d->at, err) < 0 || mount_disk(v, d, label, err) < 0)
		return -1;
	d->root = open(d->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->root < 0 ? err_sys(err, errno, "%s", v->where) : 0;
}

/* FOLDER or FOLDER/ITEM; *ret -1 without an error when it is not there. */
static int open_dir(struct vault *v, const char *item, int *ret, struct err *err)
{
	const struct disk *d = v->own;
	_cleanup_free_ char *path = path_join(v->folder, item);
	*ret = path_open_in(d->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	return *ret < 0 && errno != ENOENT ? err_sys(err, errno, "%s: %s", v->where, path) : 0;
}

static int names_in(struct vault *v, const char *item, bool partial, struct strvec *names, struct err *err)
{
	int fd;
	if (open_dir(v, item, &fd, err) < 0)
		return -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	while (dir && (e = readdir(dir))) {
		int64_t t;
		if (partial ? str_ends(e->d_name, PARTIAL) : backup_time_parse(e->d_name, &t))
			strvec_add(names, e->d_name);
	}
	if (dir)
		closedir(dir);
	return 0;
}

static int disk_list(struct vault *v, const char *item, struct strvec *times, struct err *err)
{
	return names_in(v, item, false, times, err);
}

static int disk_remove(struct vault *v, const char *item, const char *time, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	if (open_dir(v, item, &fd, err) < 0 || fd < 0)
		return fd < 0 ? 0 : -1;
	/* First it is no backup any more, then it goes. */
	_cleanup_free_ char *gone = str_ends(time, PARTIAL) ? xstrdup(time) : xasprintf("%s" PARTIAL, time);
	if (!str_eq(gone, time) && renameat(fd, time, fd, gone) < 0)
		return err_sys(err, errno, "%s: remove %s", v->where, time);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/%s", fd, gone);
	return path_remove(path, err) < 0 ? err_wrap(err, "%s", v->where) : 0;
}

/* A directory of ours in a directory of ours: made, or there and no link. */
static int enter(int at, const char *name, mode_t mode)
{
	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void end_new(struct disk *d)
{
	cleanup_fd(&d->data);
	cleanup_fd(&d->dir);
	cleanup_fd(&d->item);
	free(d->name);
	d->data = d->dir = d->item = -1;
	d->name = NULL;
}

static int disk_begin(struct vault *v, const char *item, const char *time, struct err *err)
{
	struct disk *d = v->own;
	_cleanup_strvec_ struct strvec left = STRVEC_INIT;
	if (names_in(v, item, true, &left, err) < 0)
		return -1;
	for (size_t i = 0; i < left.n; i++)
		if (disk_remove(v, item, left.v[i], err) < 0)
			return -1;
	_cleanup_fd_ int folder = enter(d->root, v->folder, 0700);
	_cleanup_free_ char *partial = xasprintf("%s" PARTIAL, time);
	if (folder < 0 || (d->item = enter(folder, item, 0700)) < 0 || (d->dir = enter(d->item, partial, 0700)) < 0)
		return full(v, errno, err);
	d->name = xstrdup(time);
	d->data = openat(d->dir, "data.zst", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return d->data < 0 ? full(v, errno, err) : 0;
}

static int disk_write(struct vault *v, const void *data, size_t n, struct err *err)
{
	const struct disk *d = v->own;
	return fd_write_all(d->data, data, n) < 0 ? full(v, errno, err) : 0;
}

static int disk_commit(struct vault *v, const char *manifest, struct err *err)
{
	struct disk *d = v->own;
	_cleanup_free_ char *partial = xasprintf("%s" PARTIAL, d->name);
	_cleanup_fd_ int fd = openat(d->dir, "manifest.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, manifest, strlen(manifest)) < 0 || fsync(fd) < 0 || fsync(d->data) < 0 ||
		fsync(d->dir) < 0 || renameat(d->item, partial, d->item, d->name) < 0 || fsync(d->item) < 0)
		return full(v, errno, err);
	end_new(d);
	return 0;
}

static void disk_abandon(struct vault *v)
{
	struct disk *d = v->own;
	if (d->item >= 0 && d->name) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/%s" PARTIAL, d->item, d->name);
		path_remove(path, &ignored);
	}
	end_new(d);
}

static int open_file(struct vault *v, const char *item, const char *time, const char *name, struct err *err)
{
	const struct disk *d = v->own;
	struct stat st;
	_cleanup_free_ char *path = xasprintf("%s/%s/%s/%s", v->folder, item, time, name);
	_cleanup_fd_ int fd = path_open_in(d->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP))
		return err_set(err, ERR_VERIFY, "%s: %s is not there", v->where, path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s: %s", v->where, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_VERIFY, "%s: %s is no file", v->where, path);
	return steal_fd(&fd);
}

static int pour(struct vault *v, int fd, vault_sink sink, void *arg, struct err *err)
{
	enum { CHUNK = 1 << 16 };
	_cleanup_free_ char *buf = xmalloc(CHUNK);
	for (;;) {
		ssize_t n = read(fd, buf, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "%s: read", v->where);
		if (n == 0)
			return 0;
		if (sink(arg, buf, (size_t)n, err) < 0)
			return -1;
	}
}

static int disk_read(struct vault *v, const char *item, const char *time, vault_sink sink, void *arg, struct err *err)
{
	_cleanup_fd_ int fd = open_file(v, item, time, "data.zst", err);
	return fd < 0 ? -1 : pour(v, fd, sink, arg, err);
}

static int small_sink(void *arg, const void *data, size_t n, struct err *err)
{
	struct strbuf *b = arg;
	if (b->len + n > MANIFEST_MAX)
		return err_set(err, ERR_VERIFY, "the manifest is too large");
	strbuf_add(b, data, n);
	return 0;
}

static int disk_manifest(struct vault *v, const char *item, const char *time, struct strbuf *out, struct err *err)
{
	_cleanup_fd_ int fd = open_file(v, item, time, "manifest.json", err);
	return fd < 0 ? -1 : pour(v, fd, small_sink, out, err);
}

static void disk_close(struct vault *v)
{
	struct disk *d = v->own;
	end_new(d);
	cleanup_fd(&d->root);
	if (d->mounted && umount2(d->at, 0) < 0)
		(void)umount2(d->at, MNT_DETACH);
	free(d->at);
	free(d);
	v->own = NULL;
}

const struct vault_kind vault_disk = {"disk", disk_open, disk_list, disk_begin, disk_write, disk_commit, disk_abandon,
	disk_manifest, disk_read, disk_remove, disk_close};
