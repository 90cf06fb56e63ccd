#include "tree/change.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/vec.h"
#include "tree/attrs.h"
#include "tree/identity.h"
#include "tree/kept.h"
#include "tree/namespace.h"
#include "tree/session.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
	const struct change_job *job;
	char *upper, *work;
	int *fds; /* of files that are copied */
	int log;
};

static int make_dirs(void *arg, struct err *err)
{
	const struct change *c = arg;
	struct stat st;

	if (mkdir(c->upper, 0755) < 0 || mkdir(c->work, 0700) < 0)
		return err_sys(err, errno, "make %s", c->upper);
	/* The top directory of a merge is the upper one's: it must look like the tree's. */
	if (stat(c->job->base, &st) < 0 || chown(c->upper, st.st_uid, st.st_gid) < 0 ||
		chmod(c->upper, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "make %s", c->upper);
	return 0;
}

/* The directories on the way to a file that was placed: making what is in them gave them a time of today. */
static int set_dir_times(const char *path, const struct timespec t[2], struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path);

	if (utimensat(AT_FDCWD, dir, t, 0) < 0)
		return err_sys(err, errno, "set the time of %s", dir);
	return strcmp(dir, "/") != 0 ? set_dir_times(dir, t, err) : 0;
}

/*
 * Times are set before the command runs: programs write down when a file was changed. Behind a link a file would not be
 * found again.
 */
static int place_all(const struct change *c, struct err *err)
{
	const struct file_list *files = c->job->files;
	const struct timespec epoch = {.tv_sec = (time_t)c->job->epoch}, t[2] = {epoch, epoch};

	if (place_files(files, c->fds, err) < 0)
		return -1;
	for (size_t i = 0; i < files->n; i++) {
		const char *path = files->v[i].path;
		_cleanup_free_ char *dir = path_dir(path), *real = realpath(dir, NULL);
		if (!real || strcmp(real, dir) != 0)
			return err_set(err, ERR_CONFIG, "file %s: %s is a link in the image, to %s", path, dir,
				real ? real : "nothing");
		if (utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, errno, "set the time of %s", path);
		if (set_dir_times(path, t, err) < 0)
			return -1;
	}
	return 0;
}

static const char *value_of(const char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

/* The environment of this process: it looks the program up, too. */
static void set_environment(const struct change_job *job, const char *home)
{
	_cleanup_strvec_ struct strvec usual = STRVEC_INIT;

	ns_environment(&usual, job->epoch);
	clearenv();
	setenv("HOME", home, 1);
	setenv("PATH", value_of((const char *const *)usual.v, "PATH"), 1);
	if (job->epoch)
		setenv("SOURCE_DATE_EPOCH", value_of((const char *const *)usual.v, "SOURCE_DATE_EPOCH"), 1);
	for (const char *const *e = job->env; e && *e; e++) {
		const char *eq = strchr(*e, '=');
		_cleanup_free_ char *name = eq ? xstrndup(*e, (size_t)(eq - *e)) : NULL;
		if (name && *name)
			setenv(name, eq + 1, 1);
	}
}

/*
 * Programs write down what they make in orders that follow from how many threads they have and from where in memory
 * things lie. One processor and no randomised addresses: with that most of them give the same bytes every time.
 */
static int be_steady(struct err *err)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	if (sched_setaffinity(0, sizeof one, &one) < 0)
		return err_sys(err, errno, "keep to one processor");
	int now = personality(0xffffffff);
	if (now < 0 || personality((unsigned long)now | ADDR_NO_RANDOMIZE) < 0)
		return err_sys(err, errno, "turn off the randomisation of addresses");
	return 0;
}

/* The end of process 1, which this is, ends what the command leaves behind when its time is over. */
static int run_command(const struct change *c, struct err *err)
{
	const struct change_job *job = c->job;
	struct proc_opts o = {
		.log_fd = c->log, .cwd = job->cwd && *job->cwd ? job->cwd : "/", .timeout_ms = job->limit_ms};
	struct timespec begun, ended;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	if (proc_run(job->argv, &o, err) >= 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &ended);
	int64_t ms = (int64_t)(ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
	if (job->limit_ms && ms >= (int64_t)job->limit_ms)
		return err_hint(err, "`limit:` beside `command:` gives it longer; what it said: %s",
			job->log ? job->log : "nothing was kept");
	return -1;
}

/* With the tree as root directory, in its process 1, which ends afterwards. */
static int work_inside(void *arg, struct err *err)
{
	const struct change *c = arg;
	const struct change_job *job = c->job;
	struct identity who;

	/* First who it is: the tree's users are checked to be readable there. */
	int r = identity_find(job->user, &who, err);
	if (r == 0)
		r = place_all(c, err);
	if (r == 0 && job->argv) {
		set_environment(job, who.home);
		r = be_steady(err);
		if (r == 0)
			r = identity_become(&who, err);
		if (r == 0)
			r = run_command(c, err);
	}
	identity_release(&who);
	return r;
}

/* Take out of upper/ what is neither placed nor kept. `path` is that of the directory `fd`, absolute, "" for the root.
 */
static int prune_dir(const struct change_job *job, int fd, const char *path, size_t *left, struct err *err);

static int prune_name(const struct change_job *job, int dirfd, const char *path, size_t *left, struct err *err)
{
	enum overlay_mark mark;
	enum kept kept = kept_is(job, path);

	if (kept == KEPT || kept == KEPT_PLACED) {
		*left += kept == KEPT;
		return 0;
	}
	if (kept == KEPT_NOT) {
		_cleanup_free_ char *at = xasprintf("/proc/self/fd/%d/%s", dirfd, path_base(path));
		return path_remove(at, err);
	}
	_cleanup_fd_ int fd = openat(dirfd, path_base(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
		return err_sys(err, errno, "open %s", path);
	if (fd >= 0 && attrs_overlay_mark(fd, &mark, err) < 0)
		return -1;
	if (fd < 0 || mark != OVERLAY_NONE) {
		err_set(err, ERR_CONFIG, "the command removed or replaced %s, below which something is kept", path);
		return err_hint(err, "keep the whole of %s", path);
	}
	return prune_dir(job, fd, path, left, err);
}

static int prune_dir(const struct change_job *job, int fd, const char *path, size_t *left, struct err *err)
{
	DIR *d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	int r = d ? 0 : err_sys(err, errno, "read %s", path);

	for (struct dirent *e = d ? readdir(d) : NULL; e && r == 0; e = readdir(d)) {
		_cleanup_free_ char *sub = xasprintf("%s/%s", path, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = prune_name(job, fd, sub, left, err);
	}
	if (d)
		closedir(d);
	return r;
}

static int finish(void *arg, struct err *err)
{
	const struct change *c = arg;
	_cleanup_fd_ int fd = open(c->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t left = 0;

	if (fd < 0)
		return err_sys(err, errno, "open %s", c->upper);
	if (path_remove(c->work, err) < 0 || prune_dir(c->job, fd, "", &left, err) < 0)
		return -1;
	if (left || !c->job->argv)
		return 0;
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	for (const char *const *k = c->job->keep; *k; k++)
		strbuf_addf(&all, "%s%s", all.len ? ", " : "", *k);
	return err_set(err, ERR_CONFIG, "the command left nothing under %s", strbuf_cstr(&all));
}

static int open_sources(struct change *c, struct err *err)
{
	const struct file_list *files = c->job->files;

	c->fds = xcalloc(files->n + 1, sizeof *c->fds);
	for (size_t i = 0; i < files->n; i++)
		c->fds[i] = -1;
	for (size_t i = 0; i < files->n; i++) {
		if (!files->v[i].source)
			continue;
		c->fds[i] = open(files->v[i].source, O_RDONLY | O_CLOEXEC);
		if (c->fds[i] < 0)
			return err_sys(err, errno, "open %s", files->v[i].source);
	}
	return 0;
}

static int run(struct change *c, struct err *err)
{
	const struct change_job *job = c->job;
	struct ns_opts view = {
		.root = {(const char *const[]){job->base, NULL}, c->upper, c->work},
		.dev = true,
		.no_sync = true,
		.epoch = job->epoch,
	};

	if (open_sources(c, err) < 0 || ns_call(make_dirs, c, err) < 0)
		return -1;
	return ns_call_in(&view, work_inside, c, err) < 0 ? -1 : ns_call(finish, c, err);
}

int change_tree(const struct change_job *job, struct err *err)
{
	_cleanup_fd_ int log = job->log ? open(job->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	struct change c = {.job = job, .log = log > 0 ? log : 0};

	if (job->log && log < 0)
		return err_sys(err, errno, "open log %s", job->log);
	c.upper = path_join(job->dir, "upper");
	c.work = path_join(job->dir, "work");
	int r = run(&c, err);
	for (size_t i = 0; c.fds && i < job->files->n; i++)
		cleanup_fd(&c.fds[i]);
	free(c.fds);
	free(c.upper);
	free(c.work);
	return r;
}
