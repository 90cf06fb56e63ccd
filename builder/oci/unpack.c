#include "oci/unpack.h"
#include "base/mem.h"
#include "base/path.h"
#include "oci/blobindex.h"
#include "tree/tarread.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { ID_MAX = 65535 };

struct unpacking {
	const struct members *own;
	int root;
	uint64_t epoch;
	uint64_t *times; /* of directories, as own->v: set when all is in them */
	/* The directory of the member before: they mostly share it. */
	char *dir;
	int dir_fd;
	/* The blob as it streams by. */
	struct tar_reader *reader;
	size_t next; /* of own->stream */
	const struct member *file;
	uint64_t left;
	int fd;
};

static int failed(const char *path, int e, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	strbuf_add_plain(&plain, path);
	return err_sys(err, e, "unpack %.200s", strbuf_cstr(&plain));
}

/* The directory above `path`, no link followed; -1 with errno. The descriptor stays with `u`. */
static int open_above(struct unpacking *u, const char *path)
{
	_cleanup_free_ char *dir = strchr(path, '/') ? path_dir(path) : xstrdup("");
	if (u->dir_fd >= 0 && str_eq(u->dir, dir))
		return u->dir_fd;
	cleanup_fd(&u->dir_fd);
	free(u->dir);
	u->dir = steal(dir);
	u->dir_fd = path_open_beneath(u->root, u->dir, O_RDONLY | O_DIRECTORY);
	return u->dir_fd;
}

/* What is called `name` in an open directory, with all that is in it. */
static int remove_name(int dirfd, const char *name, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/%s", dirfd, name);
	return path_remove(path, err);
}

static int empty_dir(int dirfd, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(err, errno, "read a directory");
	int r = 0;
	for (struct dirent *e; !r && (e = readdir(d));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = remove_name(fd, e->d_name, err);
	closedir(d);
	return r;
}

static int check_owner(const struct member *m, struct err *err)
{
	if (m->uid <= ID_MAX && m->gid <= ID_MAX)
		return 0;
	tar_refuse(err, m->path, "its owner %u:%u is not within 0 to %d, the users of a build", m->uid, m->gid, ID_MAX);
	return err_hint(err, "the image can be run as it is, but nothing can be derived from it");
}

static int set_attributes(int fd, const struct member *m, struct err *err)
{
	if (check_owner(m, err) < 0)
		return -1;
	if (fchown(fd, m->uid, m->gid) || fchmod(fd, m->mode))
		return failed(m->path, errno, err);
	for (size_t i = 0; i < m->n_xattrs; i++) /* after the owner: a change of that clears capabilities */
		if (fsetxattr(fd, m->xattrs[i].name, m->xattrs[i].value, m->xattrs[i].len, 0))
			return failed(m->path, errno, err);
	return 0;
}

static int put_dir(struct unpacking *u, size_t i, struct err *err)
{
	const struct member *m = &u->own->v.v[i];
	const char *name = path_base(m->path);
	struct stat st;
	int at = open_above(u, m->path);
	if (at < 0)
		return failed(m->path, errno, err);
	bool there = !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
	if (there && (!S_ISDIR(st.st_mode) || m->replaced)) {
		if (remove_name(at, name, err))
			return -1;
		there = false;
	}
	if (!there && mkdirat(at, name, 0755))
		return failed(m->path, errno, err);
	_cleanup_fd_ int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(m->path, errno, err);
	u->times[i] = !m->implicit ? m->mtime : there ? (uint64_t)st.st_mtime : u->epoch;
	if (there && m->opaque && empty_dir(fd, err))
		return -1;
	/* A new one that no layer says is 0755, root's: `m` says so. */
	return m->implicit && there ? 0 : set_attributes(fd, m, err);
}

static int take_whiteout(struct unpacking *u, const char *path, struct err *err)
{
	int at = open_above(u, path);
	return at < 0 ? failed(path, errno, err) : remove_name(at, path_base(path), err);
}

/* Symbolic links and FIFOs. */
static int put_special(struct unpacking *u, const struct member *m, struct err *err)
{
	const char *name = path_base(m->path);
	const struct timespec t = {.tv_sec = (time_t)m->mtime};
	int at = open_above(u, m->path);
	if (at < 0)
		return failed(m->path, errno, err);
	if (remove_name(at, name, err))
		return -1;
	if (check_owner(m, err) < 0)
		return -1;
	if (m->type == '3' || m->type == '4')
		return 0;
	if ((m->type == '2' ? symlinkat(m->link, at, name) : mkfifoat(at, name, 0600)) ||
		fchownat(at, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) ||
		(m->type != '2' && fchmodat(at, name, m->mode, 0)) ||
		utimensat(at, name, (struct timespec[]){t, t}, AT_SYMLINK_NOFOLLOW))
		return failed(m->path, errno, err);
	return 0;
}

static int put_links(struct unpacking *u, struct err *err)
{
	for (size_t i = 0; i < u->own->v.n; i++) {
		const struct member *m = &u->own->v.v[i];
		if (m->type != '1')
			continue;
		const struct member *to = members_find(u->own, m->link);
		_cleanup_free_ char *dir = strchr(m->link, '/') ? path_dir(m->link) : xstrdup("");
		_cleanup_fd_ int from = path_open_beneath(u->root, dir, O_PATH | O_DIRECTORY);
		int at = from < 0 ? -1 : open_above(u, m->path);
		if (at < 0)
			return failed(m->path, errno, err);
		if (remove_name(at, path_base(m->path), err))
			return -1;
		bool device = to && (to->type == '3' || to->type == '4');
		if (!device && linkat(from, path_base(m->link), at, path_base(m->path), 0))
			return failed(m->path, errno, err);
	}
	return 0;
}

static int end_file(struct unpacking *u, struct err *err)
{
	const struct member *m = u->file;
	if (!m || u->left)
		return 0;
	const struct timespec t = {.tv_sec = (time_t)m->mtime};
	int r = set_attributes(u->fd, m, err);
	if (!r && futimens(u->fd, (struct timespec[]){t, t}))
		r = failed(m->path, errno, err);
	cleanup_fd(&u->fd);
	u->fd = -1;
	u->file = NULL;
	return r;
}

static int on_member(void *arg, const struct tar_member *t, struct err *err)
{
	struct unpacking *u = arg;
	const struct member *m;
	if (members_next(u->own, &u->next, t, &m, err) < 0)
		return -1;
	if (!m)
		return 0;
	const char *path = m->path;
	int at = open_above(u, path);
	if (at < 0)
		return failed(path, errno, err);
	if (remove_name(at, path_base(path), err))
		return -1;
	u->fd = openat(at, path_base(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->fd < 0)
		return failed(path, errno, err);
	u->file = m;
	u->left = m->size;
	return end_file(u, err);
}

static int on_content(void *arg, const void *data, size_t n, struct err *err)
{
	struct unpacking *u = arg;
	if (fd_write_all(u->fd, data, n))
		return failed(u->file->path, errno, err);
	u->left -= n;
	return end_file(u, err);
}

static int on_blob(const void *data, size_t n, void *arg, struct err *err)
{
	return tar_reader_feed(((struct unpacking *)arg)->reader, data, n, err);
}

static int put_files(struct unpacking *u, const struct upstream_layer *l, struct err *err)
{
	static const struct tar_events events = {.member = on_member, .content = on_content};
	struct blob blob = upstream_blob_of(l);
	struct blob_found found;
	u->reader = tar_reader_new(&events, u);
	int r = blob_read(&blob, on_blob, u, &found, err);
	if (!r)
		r = tar_reader_end(u->reader, err);
	if (!r && u->next != u->own->stream.n)
		r = members_changed(err);
	tar_reader_free(u->reader);
	return r;
}

/* The innermost first: a time that was set stays. */
static int set_times(struct unpacking *u, struct err *err)
{
	for (size_t i = u->own->v.n; i-- > 0;) {
		const struct member *m = &u->own->v.v[i];
		const struct timespec t = {.tv_sec = (time_t)u->times[i]};
		if (m->type != '5')
			continue;
		int at = open_above(u, m->path);
		if (at < 0 || utimensat(at, path_base(m->path), (struct timespec[]){t, t}, AT_SYMLINK_NOFOLLOW))
			return failed(m->path, errno, err);
	}
	return 0;
}

/* Directories come first, which makes every path's parents what this layer says they are; then what it hides. */
static int unpack(struct unpacking *u, const struct upstream_layer *l, struct err *err)
{
	const struct members *own = u->own;
	if (own->root_opaque && empty_dir(u->root, err))
		return -1;
	for (size_t i = 0; i < own->v.n; i++)
		if (own->v.v[i].type == '5' && put_dir(u, i, err))
			return -1;
	for (size_t i = 0; i < own->whiteouts.n; i++)
		if (take_whiteout(u, own->whiteouts.v[i], err))
			return -1;
	for (size_t i = 0; i < own->v.n; i++)
		if (!strchr("015", own->v.v[i].type) && put_special(u, &own->v.v[i], err))
			return -1;
	return put_files(u, l, err) || put_links(u, err) ? -1 : set_times(u, err);
}

int upstream_unpack(const struct upstream_layer *l, const char *dir, uint64_t epoch, struct err *err)
{
	struct layer_info info = {0};
	struct members members = {0};
	struct unpacking u = {.own = &members, .epoch = epoch, .dir_fd = -1, .fd = -1};
	_cleanup_fd_ int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? err_sys(err, errno, "open %s", dir) : upstream_index_read(l, &info, &members, err);
	u.root = root;
	u.times = r ? NULL : xcalloc(members.v.n + 1, sizeof *u.times);
	if (!r)
		r = unpack(&u, l, err);
	cleanup_fd(&u.dir_fd);
	cleanup_fd(&u.fd);
	free(u.dir);
	free(u.times);
	members_release(&members);
	layer_info_release(&info);
	return r ? err_wrap(err, "layer sha256:%s", l->digest) : 0;
}
