/* Composing a tree: the lower layer, the packages' scripts over it, what the specification says, and a clean-up. */
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "tree/lower.h"
#include "tree/namespace.h"
#include "tree/session.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 64 << 20 };

struct compose {
	const struct tree_job *job;
	struct package_list l;
	struct session session;
	char *lower, *upper, *work;
	struct strvec layers; /* of the view: lower, then the parents */
	VEC(struct ns_bind) binds;
	struct arena arena;
};

static int make_layers(void *arg, struct err *err)
{
	struct compose *c = arg;

	if (lower_build(c->job, &c->l, err) < 0)
		return -1;
	if (mkdir(c->upper, 0755) < 0 || mkdir(c->work, 0700) < 0)
		return err_sys(err, errno, "make %s", c->upper);
	/* The top directory of a merge is the upper one's: it must look like the tree's. */
	struct stat st;
	if (stat(c->lower, &st) < 0 || chown(c->upper, st.st_uid, st.st_gid) < 0 ||
		chmod(c->upper, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "make %s", c->upper);
	return 0;
}

/* First part with the tree as root: the database, and the scripts that run before a package's files are there. */
static int before(void *arg, struct err *err)
{
	struct compose *c = arg;

	if (database_write(&c->session, err) < 0)
		return -1;
	return c->job->spec->configure ? scripts_preinst(&c->session, err) : 0;
}

/*
 * kiln's files are in place when preinst runs; dpkg's are not. What a preinst did to its own package's files (they were
 * leftovers to it) is undone: dpkg would have put them there afterwards.
 */
static int restore_own_files(void *arg, struct err *err)
{
	struct compose *c = arg;
	_cleanup_fd_ int upper = open(c->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int lower = open(c->lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (upper < 0 || lower < 0)
		return err_sys(err, errno, "open %s", c->upper);
	for (size_t i = 0; i < c->l.pkgs.n; i++) {
		const struct package *p = &c->l.pkgs.v[i];
		_cleanup_free_ char *path = path_join(p->dir, "list");
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		if (!p->has_preinst || p->by_dpkg)
			continue;
		_cleanup_free_ char *list = path_read(path, LIST_MAX, NULL, err);
		if (!list)
			return -1;
		str_split(&lines, list, "\n");
		for (size_t k = 0; k < lines.n; k++) {
			_cleanup_free_ char *dir = path_dir(lines.v[k]);
			struct stat st;
			_cleanup_fd_ int up = path_open_in(upper, dir, O_PATH | O_DIRECTORY, 0);
			if (up < 0 || fstatat(up, path_base(lines.v[k]), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
				S_ISDIR(st.st_mode))
				continue;
			if (fstatat(lower, lines.v[k] + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				unlinkat(up, path_base(lines.v[k]), 0) < 0)
				return err_sys(err, errno, "restore %s", lines.v[k]);
		}
	}
	return 0;
}

/* Second part with the tree as root. */
static int after(void *arg, struct err *err)
{
	struct compose *c = arg;
	const struct tree_spec *spec = c->job->spec;

	if (place_files(&spec->seed, c->session.seed_fds, err) < 0)
		return -1;
	if (spec->configure && scripts_configure(&c->session, err) < 0)
		return -1;
	return place_rest(&c->session, err) < 0 ? -1 : cleanup_tree(c->job->epoch, err);
}

static int finish(void *arg, struct err *err)
{
	struct compose *c = arg;

	if (path_remove(c->work, err) < 0)
		return -1;
	return cleanup_times(c->upper, c->job->epoch, err);
}

static int *open_sources(const struct file_list *list, struct err *err)
{
	int *fds = xcalloc(list->n + 1, sizeof *fds);

	for (size_t i = 0; i < list->n; i++) {
		fds[i] = list->v[i].source ? open(list->v[i].source, O_RDONLY | O_CLOEXEC) : -1;
		if (!list->v[i].source || fds[i] >= 0)
			continue;
		err_sys(err, errno, "open %s", list->v[i].source);
		while (i-- > 0)
			cleanup_fd(&fds[i]);
		free(fds);
		return NULL;
	}
	return fds;
}

static void close_sources(const struct file_list *list, int *fds)
{
	for (size_t i = 0; fds && i < list->n; i++)
		cleanup_fd(&fds[i]);
	free(fds);
}

static int run(struct compose *c, struct err *err)
{
	const struct tree_job *job = c->job;

	if (packages_load(&c->l, job, err) < 0)
		return -1;
	strvec_add(&c->layers, c->lower);
	for (const char *const *p = job->parents; p && *p; p++)
		strvec_add(&c->layers, *p);
	if (c->l.pkgs.n)
		vec_push(&c->binds,
			(struct ns_bind){arena_printf(&c->arena, "%s/unpacked", job->cache), "/kiln-unpacked", true});
	for (size_t i = 0; i < c->l.pkgs.n; i++)
		if (c->l.pkgs.v[i].by_dpkg)
			vec_push(&c->binds, (struct ns_bind){c->l.pkgs.v[i].deb->path,
						    arena_printf(&c->arena, "/kiln-debs/%zu", i), true});
	vec_push(&c->binds, (struct ns_bind){NULL, NULL, false});
	struct ns_opts view = {
		.root = {(const char *const *)c->layers.v, c->upper, c->work},
		.binds = c->binds.v,
		.dev = true,
		.no_sync = true,
		.epoch = job->epoch,
	};
	if (ns_call(make_layers, c, err) < 0 || ns_call_in(&view, before, c, err) < 0)
		return -1;
	if (job->spec->configure && ns_call(restore_own_files, c, err) < 0)
		return -1;
	return ns_call_in(&view, after, c, err) < 0 || ns_call(finish, c, err) < 0 ? -1 : 0;
}

int tree_compose(const struct tree_job *job, struct err *err)
{
	struct compose c = {.job = job, .session = {.job = job}};
	_cleanup_fd_ int log = job->log ? open(job->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	int rc = job->log && log < 0 ? err_sys(err, errno, "open log %s", job->log) : 0;

	c.session.l = &c.l;
	c.session.log = log > 0 ? log : 0;
	c.lower = path_join(job->outdir, "lower");
	c.upper = path_join(job->outdir, "upper");
	c.work = path_join(job->outdir, "work");
	if (rc == 0 && (!(c.session.seed_fds = open_sources(&job->spec->seed, err)) ||
			       !(c.session.file_fds = open_sources(&job->spec->files, err))))
		rc = -1;
	if (rc == 0)
		rc = run(&c, err);
	close_sources(&job->spec->seed, c.session.seed_fds);
	close_sources(&job->spec->files, c.session.file_fds);
	packages_release(&c.l);
	strvec_release(&c.layers);
	vec_release(&c.binds);
	arena_release(&c.arena);
	free(c.lower);
	free(c.upper);
	free(c.work);
	return rc < 0 ? err_wrap(err, "compose tree %s", job->spec->id) : 0;
}
