#include "tree/view.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "tree/idmap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the view is put together; what is there on the host is hidden from this mount namespace only. */
#define SCRATCH "/tmp"

/* Descriptors taken before anything is mounted: paths of the host may lie under SCRATCH. */
struct handles {
	VEC(int) lowers;
	int upper, work;
	VEC(int) binds; /* detached mounts */
	VEC(int) nodes; /* of dev_nodes */
};

static const char *const dev_nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
static const char *const dev_links[][2] = {{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}};

static void handles_release(struct handles *h)
{
	for (size_t i = 0; i < h->lowers.n; i++)
		close(h->lowers.v[i]);
	for (size_t i = 0; i < h->binds.n; i++)
		close(h->binds.v[i]);
	for (size_t i = 0; i < h->nodes.n; i++)
		close(h->nodes.v[i]);
	cleanup_fd(&h->upper);
	cleanup_fd(&h->work);
	vec_release(&h->lowers);
	vec_release(&h->binds);
	vec_release(&h->nodes);
}

static int open_layer(const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err_sys(err, errno, "open tree %s", path);
	return fd;
}

static int clone_mount(const char *path, struct err *err)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		err_sys(err, errno, "bind %s", path);
	return fd;
}

static int handles_open(struct handles *h, const struct ns_opts *o, struct err *err)
{
	int fd;

	for (const char *const *l = o->root.lowers; *l; l++) {
		if ((fd = open_layer(*l, err)) < 0)
			return -1;
		vec_push(&h->lowers, fd);
	}
	if (o->root.upper &&
		((h->upper = open_layer(o->root.upper, err)) < 0 || (h->work = open_layer(o->root.work, err)) < 0))
		return -1;
	for (const struct ns_bind *b = o->binds; b && b->from; b++) {
		if ((fd = clone_mount(b->from, err)) < 0)
			return -1;
		vec_push(&h->binds, fd);
		struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
		if (b->read_only && mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
			return err_sys(err, errno, "make the mount of %s read-only", b->from);
	}
	for (size_t i = 0; o->dev && i < ARRAY_SIZE(dev_nodes); i++) {
		_cleanup_free_ char *path = path_join("/dev", dev_nodes[i]);
		if ((fd = clone_mount(path, err)) < 0)
			return -1;
		vec_push(&h->nodes, fd);
	}
	return 0;
}

static int put_mount(int mount_fd, int rootfd, const char *path, struct err *err)
{
	_cleanup_fd_ int at = path_open_in(rootfd, path, O_PATH | O_CLOEXEC, 0);

	if (at < 0 || move_mount(mount_fd, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, errno, "mount on %s", path);
	return 0;
}

/* A directory or an empty file as mount point, of the kind of what will be mounted there. */
static int make_point(int skel, const char *path, bool dir, struct err *err)
{
	if (path_mkparents_in(skel, path) < 0)
		return err_sys(err, errno, "make mount point %s", path);
	_cleanup_free_ char *parent_path = path_dir(path);
	_cleanup_fd_ int parent = path_open_in(skel, parent_path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (parent < 0)
		return err_sys(err, errno, "make mount point %s", path);
	if (dir) {
		if (mkdirat(parent, path_base(path), 0755) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make mount point %s", path);
		return 0;
	}
	_cleanup_fd_ int fd = openat(parent, path_base(path), O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, errno, "make mount point %s", path) : 0;
}

/* The lowest layer: mount points that the tree itself may lack. It shows nowhere else. */
static int fill_skeleton(int skel, const struct handles *h, const struct ns_opts *o, struct err *err)
{
	static const char *const points[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};

	for (size_t i = 0; o->dev && i < ARRAY_SIZE(points); i++)
		if (make_point(skel, points[i], true, err) < 0)
			return -1;
	for (size_t i = 0; i < h->binds.n; i++) {
		struct stat st;
		if (fstat(h->binds.v[i], &st) < 0)
			return err_sys(err, errno, "bind %s", o->binds[i].from);
		if (make_point(skel, o->binds[i].to, S_ISDIR(st.st_mode), err) < 0)
			return -1;
	}
	return 0;
}

/* Paths go in as /proc/self/fd/N: short (the options must fit a page) and free of the separators "," and ":". */
static int mount_overlay(const struct handles *h, int skel, const char *at, struct err *err)
{
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;

	strbuf_adds(&data, "userxattr,index=off,lowerdir=");
	for (size_t i = 0; i < h->lowers.n; i++)
		strbuf_addf(&data, "/proc/self/fd/%d:", h->lowers.v[i]);
	strbuf_addf(&data, "/proc/self/fd/%d", skel);
	if (h->upper >= 0)
		strbuf_addf(&data, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", h->upper, h->work);
	if (mount("overlay", at, "overlay", 0, data.s) == 0)
		return 0;
	int e = errno;
	err_sys(err, e, "mount the overlay of a tree");
	if (e == EINVAL)
		err_hint(err, "the cache must be on a local file system such as ext4, xfs or btrfs (not on an "
			      "overlay or a network one), and the kernel 5.11 or newer");
	else
		idmap_explain(err);
	return -1;
}

static int mount_tmpfs(int rootfd, const char *path, const char *options, struct err *err)
{
	_cleanup_fd_ int at = path_open_in(rootfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_cleanup_free_ char *self = xasprintf("/proc/self/fd/%d", at);

	if (at < 0 || mount("tmpfs", self, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return err_sys(err, errno, "mount a tmpfs on %s", path);
	return 0;
}

static int mount_proc(int rootfd, struct err *err)
{
	_cleanup_fd_ int at = path_open_in(rootfd, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_cleanup_free_ char *self = xasprintf("/proc/self/fd/%d", at);

	if (at < 0)
		return err_sys(err, errno, "mount /proc");
	if (mount("proc", self, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	/* In a container whose /proc is partly masked a new one is refused: show the one that there is. */
	if (mount("/proc", self, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(err, errno, "mount /proc");
	return 0;
}

/* Root inside may be the host's root by number, and that is all that these files ask for. They can be read, not
 * written. */
static int protect_proc(int rootfd, struct err *err)
{
	static const char *const parts[] = {
		"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi"};
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_fd_ int at = path_open_in(rootfd, parts[i], O_PATH | O_CLOEXEC, 0);
		if (at < 0 && errno == ENOENT)
			continue;
		_cleanup_fd_ int copy =
			at < 0 ? -1
			       : open_tree(at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
		if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
			return err_sys(err, errno, "make %s read-only", parts[i]);
		if (put_mount(copy, rootfd, parts[i], err) < 0)
			return -1;
	}
	return 0;
}

static int make_dev(const struct handles *h, int rootfd, struct err *err)
{
	if (mount_tmpfs(rootfd, "/dev", "mode=0755", err) < 0)
		return -1;
	_cleanup_fd_ int dev = path_open_in(rootfd, "/dev", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (dev < 0)
		return err_sys(err, errno, "open /dev");
	for (size_t i = 0; i < h->nodes.n; i++) {
		if (make_point(dev, dev_nodes[i], false, err) < 0 ||
			put_mount(h->nodes.v[i], dev, dev_nodes[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		if (symlinkat(dev_links[i][0], dev, dev_links[i][1]) < 0)
			return err_sys(err, errno, "make /dev/%s", dev_links[i][1]);
	if (mkdirat(dev, "shm", 01777) < 0 || mkdirat(dev, "pts", 0755) < 0)
		return err_sys(err, errno, "make /dev");
	if (mount_tmpfs(rootfd, "/dev/shm", "mode=1777", err) < 0)
		return -1;
	_cleanup_fd_ int pts = openat(dev, "pts", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *self = xasprintf("/proc/self/fd/%d", pts);
	if (mount("devpts", self, "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") < 0)
		return err_sys(err, errno, "mount /dev/pts");
	return 0;
}

static int make_system_dirs(const struct handles *h, int rootfd, struct err *err)
{
	if (make_dev(h, rootfd, err) < 0 || mount_proc(rootfd, err) < 0 || protect_proc(rootfd, err) < 0 ||
		mount_tmpfs(rootfd, "/tmp", "mode=1777", err) < 0)
		return -1;
	/* In a tree that is written to, directories that scripts make in /run belong to the result. */
	if (h->upper < 0 && mount_tmpfs(rootfd, "/run", "mode=0755", err) < 0)
		return -1;
	/* Empty: scripts must not adapt the tree to the hardware of the build host. */
	return mount_tmpfs(rootfd, "/sys", "mode=0755,size=4k", err);
}

static int change_root(const char *root, struct err *err)
{
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "change the root directory");
	return 0;
}

static int build(const struct ns_opts *o, const struct handles *h, struct err *err)
{
	if (mount("tmpfs", SCRATCH, "tmpfs", 0, "mode=0755") < 0) {
		err_sys(err, errno, "mount in a user namespace");
		idmap_explain(err);
		return -1;
	}
	if (mkdir(SCRATCH "/skel", 0755) < 0 || mkdir(SCRATCH "/root", 0755) < 0)
		return err_sys(err, errno, "make a root directory");
	_cleanup_fd_ int skel = open_layer(SCRATCH "/skel", err);
	if (skel < 0 || fill_skeleton(skel, h, o, err) < 0 || mount_overlay(h, skel, SCRATCH "/root", err) < 0)
		return -1;
	_cleanup_fd_ int root = open_layer(SCRATCH "/root", err);
	if (root < 0 || (o->dev && make_system_dirs(h, root, err) < 0))
		return -1;
	for (size_t i = 0; i < h->binds.n; i++)
		if (put_mount(h->binds.v[i], root, o->binds[i].to, err) < 0)
			return -1;
	return change_root(SCRATCH "/root", err);
}

int view_enter(const struct ns_opts *o, struct err *err)
{
	struct handles h = {.upper = -1, .work = -1};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "make mounts private");
	if (!o || !o->root.lowers || !o->root.lowers[0])
		return 0;
	int r = handles_open(&h, o, err) < 0 ? -1 : build(o, &h, err);
	handles_release(&h);
	return r;
}
