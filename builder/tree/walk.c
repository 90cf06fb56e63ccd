#include "tree/walk.h"
#include "base/mem.h"
#include "base/str.h"
#include "tree/attrs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <uthash.h>

/* A file with several links that was visited: the first path of it. */
struct linked {
	struct {
		dev_t dev;
		ino_t ino;
	} key;
	const char *path;
	UT_hash_handle hh;
};

struct walker {
	const struct walk_opts *opts;
	size_t n, own; /* layers in all, and those that are the tree */
	walk_fn fn;
	void *arg;
	struct strbuf path;
	struct linked *links;
	struct arena arena;
};

/* What a run of layers shows under one name. */
struct found {
	int top;	/* the layer that wins, or -1 */
	int meta;	/* the layer whose owner, mode and time count */
	bool closed;	/* what is below these layers is hidden: whiteout, no directory, opaque */
	struct stat st; /* of the winner */
	struct stat meta_st;
};

static int fail_at(const struct walker *w, size_t layer, const char *name, struct err *err)
{
	return err_sys(
		err, errno, "%s/%s%s%s", w->opts->layers[layer], strbuf_cstr(&w->path), w->path.len ? "/" : "", name);
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int *no_fds(size_t n)
{
	int *fds = xreallocarray(NULL, n, sizeof *fds);
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	return fds;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* One layer's say about a directory it has: open it for merging, look at its marks. */
static int take_dir(
	struct walker *w, size_t layer, int at, const char *name, int *ret_fd, struct found *f, struct err *err)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_at(w, layer, name, err);
	*ret_fd = fd;
	if (layer < w->opts->plain)
		return 0;
	enum overlay_mark mark;
	if (attrs_overlay_mark(fd, &mark, err))
		return err_wrap(err, "%s/%s", w->opts->layers[layer], strbuf_cstr(&w->path));
	f->closed = mark == OVERLAY_OPAQUE;
	return 0;
}

/*
 * What layers [from, to) show under `name`; at[i] is the directory's descriptor in layer i or -1. Directories that
 * merge are opened into fds[from..to).
 */
static int resolve(struct walker *w, const int *at, const char *name, size_t from, size_t to, int *fds, struct found *f,
	struct err *err)
{
	*f = (struct found){.top = -1, .meta = -1};
	for (size_t i = from; i < to && !f->closed; i++) {
		struct stat st;
		if (at[i] < 0)
			continue;
		if (fstatat(at[i], name, &st, AT_SYMLINK_NOFOLLOW)) {
			if (errno == ENOENT)
				continue;
			return fail_at(w, i, name, err);
		}
		if (is_whiteout(&st)) {
			f->closed = true;
			continue;
		}
		if (f->top >= 0 && (size_t)f->top < w->opts->plain && i >= w->opts->plain && !S_ISDIR(st.st_mode))
			return err_set(err, ERR_CONFIG, "%s: a file goes below it, but it is no directory in the tree",
				strbuf_cstr(&w->path));
		if (!S_ISDIR(st.st_mode))
			f->closed = true;
		else if (take_dir(w, i, at[i], name, &fds[i], f, err))
			return -1;
		if (f->top < 0) {
			f->top = f->meta = (int)i;
			f->st = f->meta_st = st;
		} else if (S_ISDIR(f->st.st_mode) && S_ISDIR(st.st_mode) && (size_t)f->meta < w->opts->plain) {
			/* A plain directory only leads to its files: an existing one keeps its owner and mode. */
			f->meta = (int)i;
			f->meta_st = st;
		}
	}
	return 0;
}

static uint64_t clamp_time(int64_t t, uint64_t epoch)
{
	if (t < 0)
		return 0;
	return (uint64_t)t > epoch ? epoch : (uint64_t)t;
}

/* Owner, mode and time of what was found. */
static void node_meta(const struct walker *w, const struct found *f, struct node *n)
{
	const struct stat *st = &f->meta_st;
	bool plain = (size_t)f->meta < w->opts->plain;
	n->mtime = plain ? w->opts->epoch : clamp_time(st->st_mtime, w->opts->epoch);
	if (plain && (w->opts->normalise || S_ISDIR(st->st_mode))) {
		n->mode = S_ISLNK(st->st_mode) ? 0777 : S_ISDIR(st->st_mode) || st->st_mode & S_IXUSR ? 0755 : 0644;
		return;
	}
	n->mode = st->st_mode & 07777;
	n->uid = st->st_uid;
	n->gid = st->st_gid;
}

static int emit(struct walker *w, struct node *n, struct err *err)
{
	n->path = strbuf_cstr(&w->path);
	return w->fn(n, w->arg, err);
}

/* The earlier path of this inode within the walk, or NULL; then this one is kept. Link counts tell nothing: caches
 * share files. */
static const char *seen_before(struct walker *w, const struct stat *st)
{
	struct linked probe = {0}, *l;
	probe.key.dev = st->st_dev;
	probe.key.ino = st->st_ino;
	HASH_FIND(hh, w->links, &probe.key, sizeof probe.key, l);
	if (l)
		return l->path;
	l = ARENA_NEW(&w->arena, struct linked);
	l->key.dev = st->st_dev;
	l->key.ino = st->st_ino;
	l->path = arena_strdup(&w->arena, strbuf_cstr(&w->path));
	HASH_ADD(hh, w->links, key, sizeof l->key, l);
	return NULL;
}

static int visit_file(
	struct walker *w, int at, const char *name, const struct found *f, struct node *n, struct err *err)
{
	bool plain = (size_t)f->top < w->opts->plain;
	n->kind = NODE_FILE;
	n->size = (uint64_t)f->st.st_size;
	n->hardlink = !plain && f->st.st_nlink > 1 ? seen_before(w, &f->st) : NULL;
	if (n->hardlink)
		return emit(w, n, err);
	_cleanup_fd_ int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", strbuf_cstr(&w->path));
	if (st.st_ino != f->st.st_ino || st.st_dev != f->st.st_dev || st.st_size != f->st.st_size)
		return err_set(err, ERR_IO, "%s: changed while it was read", strbuf_cstr(&w->path));
	struct attrs attrs = {0};
	int r = plain ? 0 : attrs_read(fd, &attrs, err);
	if (r)
		r = err_wrap(err, "%s", strbuf_cstr(&w->path));
	n->fd = fd;
	n->xattrs = attrs.v;
	n->n_xattrs = attrs.n;
	if (!r)
		r = emit(w, n, err);
	attrs_release(&attrs);
	return r;
}

/* Everything that is neither a file nor a directory. */
static int visit_special(
	struct walker *w, int at, const char *name, const struct found *f, struct node *n, struct err *err)
{
	char target[PATH_MAX];
	if (S_ISSOCK(f->st.st_mode))
		return 0;
	if (S_ISLNK(f->st.st_mode)) {
		ssize_t len = readlinkat(at, name, target, sizeof target - 1);
		if (len < 0)
			return err_sys(err, errno, "%s", strbuf_cstr(&w->path));
		target[len] = '\0';
		struct node link = *n; /* the caller's does not keep the address of our buffer */
		link.kind = NODE_SYMLINK;
		link.target = target;
		return emit(w, &link, err);
	}
	n->kind = S_ISCHR(f->st.st_mode) ? NODE_CHAR : S_ISBLK(f->st.st_mode) ? NODE_BLOCK : NODE_FIFO;
	if (n->kind != NODE_FIFO) {
		n->major = major(f->st.st_rdev);
		n->minor = minor(f->st.st_rdev);
	}
	return emit(w, n, err);
}

static int visit_dir(struct walker *w, const int *fds, const struct found *f, struct node *n, struct err *err);

static int visit_name(struct walker *w, const int *at, int *fds, const char *name, struct err *err)
{
	struct found own, below;
	if (resolve(w, at, name, 0, w->own, fds, &own, err))
		return -1;
	size_t parents_from = own.top < 0 || S_ISDIR(own.st.st_mode) ? w->own : w->n; /* else they cannot matter */
	if (resolve(w, at, name, parents_from, w->n, fds, &below, err))
		return -1;
	struct node n = {.fd = -1};
	if (own.top < 0) { /* a whiteout: worth a word only when there is something to hide */
		n.kind = NODE_WHITEOUT;
		n.mtime = w->opts->epoch;
		return below.top < 0 ? 0 : emit(w, &n, err);
	}
	node_meta(w, &own, &n);
	if (S_ISREG(own.st.st_mode))
		return visit_file(w, at[own.top], name, &own, &n, err);
	if (!S_ISDIR(own.st.st_mode))
		return visit_special(w, at[own.top], name, &own, &n, err);
	n.opaque = own.closed && below.top >= 0 && S_ISDIR(below.st.st_mode);
	if (own.closed) {
		close_all(fds + w->own, w->n - w->own);
		for (size_t i = w->own; i < w->n; i++)
			fds[i] = -1;
	}
	return visit_dir(w, fds, &own, &n, err);
}

static int list_names(struct walker *w, const int *fds, struct strvec *names, struct err *err)
{
	for (size_t i = 0; i < w->own; i++) {
		if (fds[i] < 0)
			continue;
		int fd = openat(fds[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);
		if (!d) {
			int r = fail_at(w, i, "", err);
			if (fd >= 0)
				close(fd);
			return r;
		}
		errno = 0;
		for (struct dirent *e; (e = readdir(d));)
			if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
				strvec_add(names, e->d_name);
		int e = errno;
		closedir(d);
		if (e) {
			errno = e;
			return fail_at(w, i, "", err);
		}
	}
	strvec_sort(names);
	strvec_uniq(names);
	return 0;
}

static int visit_children(struct walker *w, const int *fds, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (list_names(w, fds, &names, err))
		return -1;
	size_t len = w->path.len;
	int r = 0;
	for (size_t i = 0; i < names.n && !r; i++) {
		if (len + 1 + strlen(names.v[i]) >= PATH_MAX)
			return err_set(err, ERR_VERIFY, "%s: path too long", strbuf_cstr(&w->path));
		if (len)
			strbuf_addc(&w->path, '/');
		strbuf_adds(&w->path, names.v[i]);
		if (str_starts(names.v[i], ".wh."))
			return err_set(err, ERR_VERIFY, "%s: an image layer cannot hold a name that begins with .wh.",
				strbuf_cstr(&w->path));
		_cleanup_free_ int *child = no_fds(w->n);
		r = visit_name(w, fds, child, names.v[i], err);
		close_all(child, w->n);
		w->path.len = len;
		w->path.s[len] = '\0';
	}
	return r;
}

static int visit_dir(struct walker *w, const int *fds, const struct found *f, struct node *n, struct err *err)
{
	struct attrs attrs = {0};
	n->kind = NODE_DIR;
	int r = (size_t)f->meta < w->opts->plain ? 0 : attrs_read(fds[f->meta], &attrs, err);
	if (r)
		r = err_wrap(err, "%s", strbuf_cstr(&w->path));
	n->xattrs = attrs.v;
	n->n_xattrs = attrs.n;
	if (!r)
		r = emit(w, n, err);
	attrs_release(&attrs);
	return r ? r : visit_children(w, fds, err);
}

static int walk_from_root(struct walker *w, int *fds, struct err *err)
{
	struct found root = {.top = -1, .meta = -1};
	for (size_t i = 0; i < w->n; i++) {
		fds[i] = open(w->opts->layers[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat st;
		if (fds[i] < 0 || fstat(fds[i], &st))
			return err_sys(err, errno, "%s", w->opts->layers[i]);
		if (i < w->own && (root.meta < 0 || (size_t)root.meta < w->opts->plain)) {
			root.top = root.meta = (int)i;
			root.st = root.meta_st = st;
		}
	}
	struct node n = {.fd = -1};
	node_meta(w, &root, &n);
	return visit_dir(w, fds, &root, &n, err);
}

int walk_stack(const struct walk_opts *opts, walk_fn fn, void *arg, struct err *err)
{
	struct walker w = {.opts = opts, .fn = fn, .arg = arg};
	while (opts->layers[w.n])
		w.n++;
	w.own = opts->own ? opts->own : w.n;
	if (!w.n || w.own > w.n)
		return err_set(err, ERR_IO, "no directory to read");
	strbuf_adds(&w.path, "");
	_cleanup_free_ int *fds = no_fds(w.n);
	int r = walk_from_root(&w, fds, err);
	close_all(fds, w.n);
	HASH_CLEAR(hh, w.links);
	arena_release(&w.arena);
	strbuf_release(&w.path);
	return r;
}
