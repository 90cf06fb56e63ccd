/* The cache of unpacked packages: each .deb is opened once, by threads, inside the user namespace. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "deb/archive.h"
#include "tree/namespace.h"
#include "tree/sum.h"
#include "tree/tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct work {
	const char *cache;
	const struct tree_deb *debs;
	unsigned threads;
	struct todo {
		const struct tree_deb *deb;
		char *tmp, *place;
	} * todo;
	size_t n;
};

static int unpack_one(size_t i, void *arg, struct err *err)
{
	struct work *w = arg;
	struct todo *t = &w->todo[i];
	_cleanup_free_ char *parent = path_join(w->cache, "tmp");
	_cleanup_free_ char *prefix = xasprintf("deb-%.12s-", t->deb->sha256);

	t->tmp = path_tempdir(parent, prefix, err);
	if (!t->tmp)
		return -1;
	if (chmod(t->tmp, 0755) < 0)
		return err_sys(err, errno, "chmod %s", t->tmp);
	_cleanup_fd_ int fd = open(t->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", t->tmp);
	if (deb_unpack(t->deb->path, t->deb->sha256, fd, err) < 0 || sum_record(t->tmp, err) < 0)
		return err_wrap(err, "unpack %s", t->deb->name);
	return 0;
}

/* One sync for all, then the names: after a power cut a package is there whole or not at all. */
static int publish(struct work *w, struct err *err)
{
	_cleanup_free_ char *dir = path_join(w->cache, "unpacked");
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return err_sys(err, errno, "sync %s", dir);
	for (size_t i = 0; i < w->n; i++) {
		struct todo *t = &w->todo[i];
		if (rename(t->tmp, t->place) == 0) {
			free(t->tmp);
			t->tmp = NULL;
		} else {
			return err_sys(err, errno, "rename %s to %s", t->tmp, t->place);
		}
	}
	return path_sync_dir(dir, err);
}

/* What a kiln that was killed left behind. The lock on the cache is ours: nobody else is at work there. */
static int remove_leftovers(const char *cache, struct err *err)
{
	_cleanup_free_ char *tmp = path_join(cache, "tmp");
	DIR *d = opendir(tmp);
	int rc = d ? 0 : err_sys(err, errno, "read %s", tmp);

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		_cleanup_free_ char *path = path_join(tmp, e->d_name);
		if (str_starts(e->d_name, "deb-"))
			rc = path_remove(path, err);
	}
	if (d)
		closedir(d);
	return rc;
}

static int unpack_all(void *arg, struct err *err)
{
	struct work *w = arg;
	_cleanup_err_ struct err ignored = ERR_INIT;
	int rc = remove_leftovers(w->cache, err);

	if (rc == 0)
		rc = pool_map(w->n, w->threads, unpack_one, w, err);
	if (rc == 0)
		rc = publish(w, err);
	for (size_t i = 0; i < w->n; i++)
		if (w->todo[i].tmp)
			(void)path_remove(w->todo[i].tmp, &ignored);
	return rc;
}

static bool is_sha256(const char *s)
{
	return s && strlen(s) == HASH_HEX - 1 && strspn(s, "0123456789abcdef") == HASH_HEX - 1;
}

static bool planned(const struct work *w, const char *place)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->todo[i].place, place) == 0)
			return true;
	return false;
}

/* The packages that are not there yet. */
static int collect(struct work *w, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_sha256(w->debs[i].sha256))
			return err_set(err, ERR_VERIFY, "package %s has no SHA-256", w->debs[i].name);
		char *place = xasprintf("%s/unpacked/%s", w->cache, w->debs[i].sha256);
		if (path_exists(place) || planned(w, place))
			free(place);
		else
			w->todo[w->n++] = (struct todo){.deb = &w->debs[i], .place = place};
	}
	return 0;
}

static void forget(struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->todo[i].place);
	w->n = 0;
}

static int run(struct work *w, size_t n, struct err *err)
{
	if (collect(w, n, err) < 0)
		return -1;
	if (!w->n)
		return 0;
	_cleanup_free_ char *dir = path_join(w->cache, "unpacked"), *tmp = path_join(w->cache, "tmp");
	if (path_mkdirs(dir, err) < 0 || path_mkdirs(tmp, err) < 0)
		return -1;
	/* One at a time; what another one unpacked meanwhile is there. */
	_cleanup_fd_ int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_sys(err, errno, "lock %s", dir);
	forget(w);
	if (collect(w, n, err) < 0)
		return -1;
	int rc = w->n ? ns_call(unpack_all, w, err) : 0;
	(void)flock(lock, LOCK_UN); /* at once, even if a child of another thread has a copy of the descriptor */
	return rc;
}

int tree_unpack_debs(const char *cache, const struct tree_deb *debs, size_t n, unsigned threads, struct err *err)
{
	struct work w = {.cache = cache, .debs = debs, .threads = threads, .todo = xcalloc(n + 1, sizeof *w.todo)};
	int rc = run(&w, n, err);

	forget(&w);
	free(w.todo);
	return rc;
}

void tree_layers(struct strvec *to, const char *dir)
{
	strvec_addf(to, "%s/upper", dir);
	strvec_addf(to, "%s/lower", dir);
}
