/* What a change left, as a layer. */
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "tree/attrs.h"
#include "tree/kept.h"
#include "tree/namespace.h"
#include "tree/tar.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* `of` is `path` or, for `below`, something in it. */
static bool is_at(const char *path, const char *of, bool below)
{
	size_t n = strlen(path);

	return strncmp(path, of, n) == 0 && (of[n] == '\0' ? !below : of[n] == '/');
}

enum kept kept_is(const struct change_job *job, const char *path)
{
	enum kept found = KEPT_NOT;

	for (const char *const *k = job->keep; k && *k; k++) {
		if (is_at(*k, path, false))
			return KEPT;
		if (is_at(path, *k, true))
			found = KEPT_ABOVE;
	}
	for (size_t i = 0; i < job->files->n; i++) {
		if (str_eq(job->files->v[i].path, path))
			return KEPT_PLACED;
		if (is_at(path, job->files->v[i].path, true))
			found = KEPT_ABOVE;
	}
	return found;
}

struct writing {
	const struct change_job *job;
	int base;
	struct tar_out out;
};

/* A directory above what is kept: whatever the command did to it, it is the tree's. */
static int put_above(struct writing *w, struct node *n, struct err *err)
{
	_cleanup_fd_ int fd = path_open_beneath(w->base, n->path, O_RDONLY | O_DIRECTORY);
	struct attrs attrs = {0};
	struct stat st;

	if (fd < 0) /* the way to a file that was placed */
		return errno == ENOENT ? tar_node(&w->out, "", n, TAR_LAYER, err) : err_sys(err, errno, "%s", n->path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", n->path);
	if (attrs_read(fd, &attrs, err) < 0)
		return err_wrap(err, "%s", n->path);
	n->mode = st.st_mode & 07777;
	n->uid = st.st_uid;
	n->gid = st.st_gid;
	n->xattrs = attrs.v;
	n->n_xattrs = attrs.n;
	int r = tar_node(&w->out, "", n, TAR_LAYER, err);
	attrs_release(&attrs);
	return r;
}

static int put_node(const struct node *found, void *arg, struct err *err)
{
	struct writing *w = arg;
	struct node n = *found;
	_cleanup_free_ char *path = xasprintf("/%s", n.path);

	n.mtime = w->job->epoch;
	if (!*n.path)
		return 0;
	return kept_is(w->job, path) == KEPT_ABOVE ? put_above(w, &n, err) : tar_node(&w->out, "", &n, TAR_LAYER, err);
}

struct write_job {
	const struct change_job *job;
	int fd;
};

static int write_inside(void *arg, struct err *err)
{
	const struct write_job *j = arg;
	_cleanup_free_ char *upper = path_join(j->job->dir, "upper");
	const char *layers[] = {upper, j->job->base, NULL};
	struct walk_opts opts = {.layers = layers, .own = 1, .epoch = j->job->epoch};
	struct tar_fd_sink sink;
	struct writing w = {.job = j->job, .base = open(j->job->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

	if (w.base < 0)
		return err_sys(err, errno, "open %s", j->job->base);
	tar_fd_sink_init(&sink, j->fd);
	w.out.sink = &sink.sink;
	int r = walk_stack(&opts, put_node, &w, err);
	if (r == 0)
		r = tar_end(&w.out, err);
	tar_release(&w.out);
	close(w.base);
	return r;
}

int change_write(const struct change_job *job, int fd, struct err *err)
{
	return ns_call(write_inside, &(struct write_job){job, fd}, err);
}
