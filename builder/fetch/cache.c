#include "fetch/cache.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PARTIAL_KEPT_S = 7 * 24 * 3600 };

struct cache {
	char *dir;
	int lock_fd; /* CACHE/lock, held shared */
};

static char *default_dir(struct err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return path_join(xdg, "kiln");
	if (home && *home == '/')
		return path_join(home, ".cache/kiln");
	err_set(err, ERR_USAGE, "no place for the cache: neither XDG_CACHE_HOME nor HOME is set");
	err_hint(err, "say where with --cache DIR");
	return NULL;
}

/* Remove what an ended kiln left in a directory; with `age`, only entries older than that. Failures are for the next
 * time. */
static void sweep(const char *dir, time_t age, int (*remove)(const char *path, struct err *err))
{
	DIR *d = opendir(dir);
	struct dirent *e;
	time_t now = time(NULL);

	if (!d)
		return;
	while ((e = readdir(d))) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_free_ char *path = path_join(dir, e->d_name);
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (age && (lstat(path, &st) < 0 || st.st_mtime > now - age))
			continue;
		if (remove(path, &err) < 0)
			log_debug("cache: %s stays: %s", path, err.msg);
	}
	closedir(d);
}

/*
 * Every kiln holds CACHE/lock shared. Whoever can have it exclusively is alone, so that what lies in tmp/ belongs to
 * nobody.
 */
static int take_lock(struct cache *c, int (*remove)(const char *path, struct err *err), struct err *err)
{
	_cleanup_free_ char *lock = path_join(c->dir, "lock"), *tmp = path_join(c->dir, "tmp"),
			    *partial = path_join(c->dir, "partial");

	c->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (c->lock_fd < 0)
		return err_sys(err, errno, "open %s", lock);
	if (flock(c->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		sweep(tmp, 0, remove);
		sweep(partial, PARTIAL_KEPT_S, path_remove);
	}
	while (flock(c->lock_fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "lock %s", lock);
	return 0;
}

int cache_open(const char *dir, int (*remove)(const char *path, struct err *err), struct cache **ret, struct err *err)
{
	static const char *const parts[] = {"sha256", "partial", "tmp", "apt", "steps", "unpacked", "images", "models"};
	_cleanup_free_ char *wanted = dir ? xstrdup(dir) : default_dir(err);
	_cleanup_cache_ struct cache *c = NULL;

	if (!wanted)
		return -1;
	if (path_mkdirs(wanted, err) < 0)
		return err_wrap(err, "cache");
	c = xcalloc(1, sizeof *c);
	c->lock_fd = -1;
	c->dir = realpath(wanted, NULL);
	if (!c->dir)
		return err_sys(err, errno, "cache: %s", wanted);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *path = path_join(c->dir, parts[i]);
		if (path_mkdirs(path, err) < 0)
			return err_wrap(err, "cache");
	}
	if (take_lock(c, remove ? remove : path_remove, err) < 0)
		return err_wrap(err, "cache");
	*ret = steal(c);
	return 0;
}

int cache_alone(struct cache *c, struct err *err)
{
	if (flock(c->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(err, errno, "cache: lock %s/lock", c->dir);
	(void)flock(c->lock_fd, LOCK_SH); /* what was tried took the old lock away */
	err_set(err, ERR_IO, "cache: another kiln is at work in %s", c->dir);
	return err_hint(err, "try again when it has ended");
}

bool cache_is_there(const char *dir)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *wanted = dir ? xstrdup(dir) : default_dir(&ignored);
	_cleanup_free_ char *lock = wanted ? path_join(wanted, "lock") : NULL;

	return lock && path_exists(lock);
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	free(c->dir);
	free(c);
}

void cache_cleanup(struct cache **c)
{
	cache_close(*c);
}

const char *cache_dir(const struct cache *c)
{
	return c->dir;
}

char *cache_path(const struct cache *c, const char *relative)
{
	return path_join(c->dir, relative);
}

char *cache_blob_path(const struct cache *c, const char *hex)
{
	return xasprintf("%s/sha256/%.64s", c->dir, hex);
}

bool cache_has(const struct cache *c, const char *hex, uint64_t size)
{
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

void cache_drop(const struct cache *c, const char *hex, const char *why)
{
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	_cleanup_err_ struct err err = ERR_INIT;

	log_warn("cache: sha256/%.64s is corrupt (%s) and was dropped", hex, why);
	if (path_remove(path, &err) < 0)
		log_warn("cache: %s", err.msg);
}

int cache_verify(const struct cache *c, const char *hex, uint64_t size, struct err *err)
{
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	char found[HASH_HEX];
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cache: %s", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size) {
		_cleanup_free_ char *why = S_ISREG(st.st_mode) ? xasprintf("%jd bytes instead of %ju",
									 (intmax_t)st.st_size, (uintmax_t)size)
							       : xstrdup("not a file");
		cache_drop(c, hex, why);
		return 0;
	}
	if (hash_file(path, found, err) < 0)
		return err_wrap(err, "cache");
	if (strncmp(found, hex, 64) == 0)
		return 1;
	cache_drop(c, hex, "its bytes have another SHA-256");
	return 0;
}

int cache_adopt(const struct cache *c, const char *path, const char *hex, struct err *err)
{
	_cleanup_free_ char *to = cache_blob_path(c, hex);
	_cleanup_free_ char *dir = cache_path(c, "sha256");
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(path, to) < 0)
		return err_sys(err, errno, "cache: move %s to %s", path, to);
	return path_sync_dir(dir, err);
}

int cache_add_file(const struct cache *c, const char *path, char *ret_hex, struct err *err)
{
	_cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
	_cleanup_free_ char *tmp = NULL;

	if (from < 0)
		return err_sys(err, errno, "open %s", path);
	tmp = cache_tmp_file(c, "add", &to, err);
	if (!tmp)
		return -1;
	/* Hash what was written, not what was read: the source may change in between. */
	if (fd_copy(from, to, UINT64_MAX) < 0)
		err_sys(err, errno, "cache: copy %s", path);
	else if (hash_file(tmp, ret_hex, err) == 0 && cache_adopt(c, tmp, ret_hex, err) == 0)
		return 0;
	unlink(tmp);
	return -1;
}

int cache_add_bytes(const struct cache *c, const void *data, size_t len, char *ret_hex, struct err *err)
{
	_cleanup_fd_ int to = -1;
	_cleanup_free_ char *tmp = NULL;

	hash_bytes(data, len, ret_hex);
	if (cache_has(c, ret_hex, len))
		return 0;
	tmp = cache_tmp_file(c, "add", &to, err);
	if (!tmp)
		return -1;
	if (fd_write_all(to, data, len) < 0)
		err_sys(err, errno, "write %s", tmp);
	else if (cache_adopt(c, tmp, ret_hex, err) == 0)
		return 0;
	unlink(tmp);
	return -1;
}

char *cache_read(const struct cache *c, const char *hex, uint64_t size, struct err *err)
{
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	char found[HASH_HEX];
	size_t len;

	if (!cache_has(c, hex, size))
		return NULL;
	_cleanup_free_ char *text = path_read(path, size, &len, err);
	if (!text) {
		err_wrap(err, "cache");
		return NULL;
	}
	hash_bytes(text, len, found);
	if (len == size && strncmp(found, hex, 64) == 0)
		return steal(text);
	cache_drop(c, hex, "its bytes have another SHA-256");
	return NULL;
}

char *cache_tmp_dir(const struct cache *c, const char *prefix, struct err *err)
{
	_cleanup_free_ char *tmp = cache_path(c, "tmp"), *start = xasprintf("%s-", prefix);

	return path_tempdir(tmp, start, err);
}

char *cache_tmp_file(const struct cache *c, const char *prefix, int *ret_fd, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/tmp/%s-XXXXXX", c->dir, prefix);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0) {
		err_sys(err, errno, "cache: make %s", path);
		return NULL;
	}
	*ret_fd = fd;
	return steal(path);
}

void cache_used(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_mtime < time(NULL) - CACHE_USE_NOTED_S)
		(void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

int cache_explain_full(struct err *err)
{
	return err_hint(
		err, "free some space (\"kiln cache prune\"), or put the cache on a larger disk with --cache DIR");
}
