#include "tree/lower.h"
#include "base/path.h"
#include "tree/lower_dir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 64 << 20 };

struct diversion {
	char *from, *to, *package;
};
struct builder {
	struct package_list *all;
	size_t now; /* index of the package being linked */
	struct lower_tree tree;
	VEC(struct diversion) diversions;
};

static struct package *owner_of(struct builder *b, const char *path)
{
	for (size_t i = 0; i < b->now; i++) {
		_cleanup_free_ char *p = xasprintf("%s/data%s", b->all->pkgs.v[i].dir, path);
		struct stat st;
		if (!b->all->pkgs.v[i].by_dpkg && lstat(p, &st) == 0 && !S_ISDIR(st.st_mode))
			return &b->all->pkgs.v[i];
	}
	return NULL;
}

/* Two packages of the set have the same file: "Replaces" decides whose it is. */
static int contested(struct builder *b, int srcfd, const char *name, int dstfd, const char *path, struct err *err)
{
	struct package *p = &b->all->pkgs.v[b->now], *other = owner_of(b, path);

	if (other && package_relates(p, "Replaces", other->name)) {
		strvec_add(&other->lost, path);
		if (unlinkat(dstfd, name, 0) < 0 || linkat(srcfd, name, dstfd, name, 0) < 0)
			return err_sys(err, errno, "link %s", path);
		return 0;
	}
	if (other && package_relates(other, "Replaces", p->name)) {
		strvec_add(&p->lost, path);
		return 0;
	}
	if (other && strcmp(other->name, p->name) == 0)
		return 0; /* another architecture of the same: shared files are equal by policy */
	return err_set(
		err, ERR_RESOLVE, "packages %s and %s both have %s", other ? other->name : "(unknown)", p->name, path);
}

/* A file whose path another package diverted goes where the diversion says. 1: it was, and is in place now. */
static int diverted(struct builder *b, int srcfd, const char *name, const char *path, struct err *err)
{
	const struct package *p = &b->all->pkgs.v[b->now];

	for (size_t i = 0; i < b->diversions.n; i++) {
		const struct diversion *d = &b->diversions.v[i];
		if (strcmp(d->from, path) != 0 || strcmp(d->package, p->name) == 0)
			continue;
		_cleanup_free_ char *dir = path_dir(d->to);
		struct lower_dir at = {.fd = -1};
		if (lower_dir_open(&b->tree, dir, &at, err) < 0)
			return -1;
		int r = linkat(srcfd, name, at.fd, path_base(d->to), 0) < 0 ? err_sys(err, errno, "link %s", d->to) : 1;
		lower_dir_release(&at);
		return r;
	}
	return 0;
}

static int link_file(
	struct builder *b, int srcfd, const char *name, const struct lower_dir *dst, const char *path, struct err *err)
{
	struct stat st, src;
	int layer, r = diverted(b, srcfd, name, path, err);

	if (r)
		return r < 0 ? -1 : 0;
	/* dpkg never replaces a directory by a link. */
	_cleanup_free_ char *at = *dst->path ? path_join(dst->path, name) : xstrdup(name);
	if (fstatat(srcfd, name, &src, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "read %s", path);
	if (S_ISLNK(src.st_mode) && lower_below(&b->tree, at, &st, &layer) && S_ISDIR(st.st_mode))
		return 0;
	if (linkat(srcfd, name, dst->fd, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, errno, "link %s", path);
	if (S_ISLNK(src.st_mode) && fstatat(dst->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return contested(b, srcfd, name, dst->fd, path, err);
}

/* Everything in directory `srcfd` of a package, whose path in it is `path`, into `dst`. */
static int link_dir(struct builder *b, int srcfd, const struct lower_dir *dst, const char *path, struct err *err)
{
	DIR *d = fdopendir(fcntl(srcfd, F_DUPFD_CLOEXEC, 3));
	int rc = d ? 0 : err_sys(err, errno, "read %s", path);

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		_cleanup_free_ char *sub = xasprintf("%s/%s", path, e->d_name);
		_cleanup_fd_ int child =
			e->d_type == DT_DIR || e->d_type == DT_UNKNOWN ? lower_open_at(srcfd, e->d_name) : -1;
		struct lower_dir next = {.fd = -1};
		struct stat st;
		if (child < 0)
			rc = link_file(b, srcfd, e->d_name, dst, sub, err);
		else if (fstat(child, &st) < 0)
			rc = err_sys(err, errno, "read %s", sub);
		else if ((rc = lower_dir_enter(&b->tree, dst, e->d_name, &st, &next, err)) == 0)
			rc = link_dir(b, child, &next, sub, err);
		lower_dir_release(&next);
	}
	if (d)
		closedir(d);
	return rc;
}

/* Without a package that brings them, the links of merged /usr are made: /bin, /lib and their like. */
static int merge_usr(struct builder *b, uint64_t epoch, struct err *err)
{
	const struct timespec t[2] = {{.tv_sec = (time_t)epoch}, {.tv_sec = (time_t)epoch}};
	static const char *const dirs[] = {"bin", "sbin", "lib", "lib64"};
	struct stat st;
	int layer;

	for (size_t i = 0; i < b->all->pkgs.n; i++)
		if (b->all->pkgs.v[i].has_links)
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *target = path_join("usr", dirs[i]);
		if (!lower_below(&b->tree, dirs[i], &st, &layer) &&
			(symlinkat(target, b->tree.root, dirs[i]) < 0 ||
				utimensat(b->tree.root, dirs[i], t, AT_SYMLINK_NOFOLLOW) < 0))
			return err_sys(err, errno, "make link /%s", dirs[i]);
	}
	return 0;
}

static int link_all(struct builder *b, const struct tree_job *job, struct err *err)
{
	struct lower_dir info = {.fd = -1};
	int rc = merge_usr(b, job->epoch, err);

	for (b->now = 0; rc == 0 && b->now < b->all->pkgs.n; b->now++) {
		const struct package *p = &b->all->pkgs.v[b->now];
		if (p->by_dpkg)
			continue;
		b->tree.package = p->name;
		_cleanup_free_ char *data = path_join(p->dir, "data");
		_cleanup_fd_ int src = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct lower_dir root = {.path = xstrdup(""), .fd = lower_open_at(b->tree.root, "")};
		rc = src < 0 || root.fd < 0 ? err_sys(err, errno, "open %s", data) : link_dir(b, src, &root, "", err);
		lower_dir_release(&root);
	}
	b->tree.package = "dpkg"; /* its database */
	if (rc == 0)
		rc = lower_dir_open(&b->tree, "var/lib/dpkg/info", &info, err);
	if (rc == 0)
		rc = info_link(b->all, info.fd, job->epoch, err);
	lower_dir_release(&info);
	return rc;
}

/* Directories were filled just now; give them the one time that all builds share. */
static int set_dir_times(int fd, struct timespec t, struct err *err)
{
	DIR *d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	int rc = d ? 0 : err_sys(err, errno, "read a directory");

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			(e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		_cleanup_fd_ int child = lower_open_at(fd, e->d_name);
		if (child >= 0)
			rc = set_dir_times(child, t, err);
	}
	if (d)
		closedir(d);
	if (rc == 0 && futimens(fd, (struct timespec[]){t, t}) < 0)
		rc = err_sys(err, errno, "set the time of a directory");
	return rc;
}

/* Three lines each: path, where to, package (":" for the administrator). */
static int read_diversions(struct builder *b, struct err *err)
{
	for (size_t i = 0; i < b->tree.parents.n; i++) {
		_cleanup_fd_ int fd =
			openat(b->tree.parents.v[i], "var/lib/dpkg/diversions", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
		_cleanup_free_ char *text = path_read(path, LIST_MAX, NULL, err);
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		if (!text)
			return -1;
		str_split(&lines, text, "\n");
		for (size_t k = 0; k + 2 < lines.n; k += 3) {
			struct diversion d = {xstrdup(lines.v[k]), xstrdup(lines.v[k + 1]), xstrdup(lines.v[k + 2])};
			vec_push(&b->diversions, d);
		}
		return 0;
	}
	return 0;
}

static void builder_release(struct builder *b)
{
	for (size_t i = 0; i < b->diversions.n; i++) {
		free(b->diversions.v[i].from);
		free(b->diversions.v[i].to);
		free(b->diversions.v[i].package);
	}
	for (size_t i = 0; i < b->tree.parents.n; i++)
		close(b->tree.parents.v[i]);
	vec_release(&b->diversions);
	vec_release(&b->tree.parents);
	cleanup_fd(&b->tree.root);
}

static int open_all(struct builder *b, const struct tree_job *job, const char *lower, struct err *err)
{
	b->tree.root = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->tree.root < 0)
		return err_sys(err, errno, "open %s", lower);
	for (const char *const *p = job->parents; p && *p; p++) {
		int fd = open(*p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, errno, "open tree %s", *p);
		vec_push(&b->tree.parents, fd);
	}
	return read_diversions(b, err);
}

int lower_build(const struct tree_job *job, struct package_list *l, struct err *err)
{
	struct builder b = {.all = l, .tree = {.root = -1}};
	_cleanup_free_ char *lower = path_join(job->outdir, "lower");

	if (mkdir(lower, 0755) < 0)
		return err_sys(err, errno, "make %s", lower);
	int rc = open_all(&b, job, lower, err);
	if (rc == 0)
		rc = link_all(&b, job, err);
	if (rc == 0)
		rc = set_dir_times(b.tree.root, (struct timespec){.tv_sec = (time_t)job->epoch}, err);
	builder_release(&b);
	return rc;
}
