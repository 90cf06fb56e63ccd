#include "tree/tools.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

int tools_run_with(const struct tools *t, const char *dir, const struct ns_bind *binds, const char *const *argv,
	struct strbuf *capture, struct err *err)
{
	VEC(struct ns_bind) all = {0};

	vec_push(&all, (struct ns_bind){.from = dir, .to = TOOLS_WORK});
	for (const struct ns_bind *b = binds; b && b->from; b++)
		vec_push(&all, *b);
	vec_push(&all, (struct ns_bind){0});
	struct ns_opts opts = {.root = {.lowers = t->lowers},
		.binds = all.v,
		.cwd = TOOLS_WORK,
		.dev = true,
		.no_sync = true, /* tools_publish syncs the result */
		.epoch = t->epoch,
		.proc = {.capture = capture}};
	int r = ns_run(&opts, argv, err);
	vec_release(&all);
	return r;
}

int tools_run(const struct tools *t, const char *dir, const char *const *argv, struct strbuf *capture, struct err *err)
{
	return tools_run_with(t, dir, NULL, argv, capture, err);
}

char *tools_workdir(const char *out, struct err *err)
{
	_cleanup_free_ char *parent = path_dir(out);

	return path_tempdir(parent, ".kiln-", err);
}

int tools_publish(const char *dir, const char *name, const char *out, struct err *err)
{
	_cleanup_free_ char *from = path_join(dir, name), *parent = path_dir(out);
	_cleanup_fd_ int fd = open(from, O_RDONLY | O_CLOEXEC);

	struct stat st;

	/* Tools differ in what they think of modes; umask has no say either. */
	if (fd < 0 || fstat(fd, &st) < 0 || fchmod(fd, st.st_mode & 0100 ? 0755 : 0644) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "write %s", out);
	if (rename(from, out) < 0)
		return err_sys(err, errno, "rename %s to %s", from, out);
	return path_sync_dir(parent, err);
}

void tools_workdir_remove(char **dir)
{
	_cleanup_err_ struct err ignored = ERR_INIT;

	if (*dir)
		(void)path_remove(*dir, &ignored);
	free(*dir);
	*dir = NULL;
}

/* The host path of an open file: links inside the tree were resolved by the kernel. */
static char *path_of(int fd)
{
	char link[64], real[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, real, sizeof real - 1);
	return n < 0 ? NULL : xstrndup(real, (size_t)n);
}

char *tree_file(const char *const *lowers, const char *path, struct err *err)
{
	struct stat st;

	for (const char *const *l = lowers; *l; l++) {
		_cleanup_fd_ int root = open(*l, O_PATH | O_DIRECTORY | O_CLOEXEC);
		_cleanup_fd_ int fd = root < 0 ? -1 : path_open_in(root, path, O_PATH | O_CLOEXEC, 0);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			return path_of(fd);
	}
	err_set(err, ERR_RESOLVE, "/%s: no such file in the tree", path);
	return NULL;
}

static int add_names(const char *layer, const char *dir, const char *pattern, struct strvec *names, struct err *err)
{
	_cleanup_fd_ int root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root < 0 ? -1 : path_open_in(root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (root < 0)
		return err_sys(err, errno, "open %s", layer);
	if (fd < 0)
		return 0; /* not in every layer */
	DIR *d = fdopendir(fd);
	for (struct dirent *e; d && (e = readdir(d));)
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) == 0)
			strvec_add(names, e->d_name);
	if (d)
		closedir(d);
	return 0;
}

int tree_names(const char *const *lowers, const char *dir, const char *pattern, struct strvec *names, struct err *err)
{
	for (; *lowers; lowers++)
		if (add_names(*lowers, dir, pattern, names, err) < 0)
			return -1;
	strvec_sort(names);
	strvec_uniq(names);
	return 0;
}
