#include "base/mem.h"
#include "base/path.h"
#include "tree/session.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20, DAY = 86400 };

/* Identities, caches of the building itself, backups: gone. */
static const char *const removed[] = {
	"/var/lib/dbus/machine-id",
	"/etc/ssh/ssh_host_*",
	"/etc/aliases.db", /* with a random identifier in it */
	"/etc/ssl/private/ssl-cert-snakeoil.key",
	"/etc/ssl/certs/ssl-cert-snakeoil.pem",
	"/var/lib/systemd/random-seed",
	"/var/lib/systemd/credential.secret",
	"/var/cache/ldconfig/aux-cache",
	"/var/cache/debconf/*-old",
	"/var/cache/apt/*.bin",
	"/var/cache/apt/archives/*.deb",
	"/var/lib/apt/lists/*_*",
	"/var/lib/dpkg/*-old",
	"/var/lib/dpkg/lock*",
	"/var/lib/dpkg/triggers/Lock",
	"/var/log/dpkg.log",
	"/var/log/alternatives.log",
	"/var/log/bootstrap.log",
	"/var/log/apt/*",
	"/etc/passwd-",
	"/etc/group-",
	"/etc/shadow-",
	"/etc/gshadow-",
	"/etc/subuid-",
	"/etc/subgid-",
	"/etc/.pwd.lock",
	"/var/lib/ucf/*.[0-9]",
	"/root/.bash_history",
	"/root/.lesshst",
};
/* Files that are known to be there: they stay, empty. */
static const char *const emptied[] = {
	"/etc/machine-id", "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/log/faillog"};

static int remove_all(const char *pattern, struct err *err)
{
	glob_t g;
	int rc = 0;

	if (glob(pattern, 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++)
		if (unlink(g.gl_pathv[i]) < 0 && errno != EISDIR && errno != EPERM)
			rc = err_sys(err, errno, "remove %s", g.gl_pathv[i]);
	globfree(&g);
	return rc;
}

static int empty(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	return truncate(path, 0) < 0 ? err_sys(err, errno, "empty %s", path) : 0;
}

/* The day of the last password change (third field) of every entry: that of the epoch. */
static int fix_shadow(const char *path, uint64_t epoch, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (!path_exists(path))
		return 0;
	_cleanup_free_ char *text = path_read(path, TEXT_MAX, NULL, err);
	if (!text)
		return -1;
	for (char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		char *a = memchr(line, ':', len), *b = a ? memchr(a + 1, ':', len - (size_t)(a + 1 - line)) : NULL;
		char *c = b ? memchr(b + 1, ':', len - (size_t)(b + 1 - line)) : NULL;
		if (c && c > b + 1) {
			strbuf_add(&out, line, (size_t)(b + 1 - line));
			strbuf_addf(&out, "%llu", (unsigned long long)(epoch / DAY));
			strbuf_add(&out, c, len - (size_t)(c - line));
		} else {
			strbuf_add(&out, line, len);
		}
		strbuf_addc(&out, '\n');
		line += len + (line[len] == '\n');
	}
	if (strcmp(strbuf_cstr(&out), text) == 0)
		return 0;
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC); /* owner and mode stay */
	if (fd < 0 || fd_write_all(fd, out.s, out.len) < 0)
		return err_sys(err, errno, "write %s", path);
	return 0;
}

/* The names by hash (c_rehash) of a certificate that is gone. */
static int remove_dangling(const char *dir, const char *target, struct err *err)
{
	DIR *d = opendir(dir);
	int rc = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		char to[256];
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof to);
		if (n == (ssize_t)strlen(target) && strncmp(to, target, (size_t)n) == 0 &&
			unlinkat(dirfd(d), e->d_name, 0) < 0)
			rc = err_sys(err, errno, "remove %s/%s", dir, e->d_name);
	}
	if (d)
		closedir(d);
	return rc;
}

/* Of /run only directories stay: sockets, locks and process ids are of a system that runs. */
static int clear_run(int fd, struct err *err)
{
	DIR *d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	int rc = d ? 0 : err_sys(err, errno, "read /run");

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		_cleanup_fd_ int child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			rc = clear_run(child, err);
		else if (unlinkat(fd, e->d_name, 0) < 0)
			rc = err_sys(err, errno, "remove %s in /run", e->d_name);
	}
	if (d)
		closedir(d);
	return rc;
}

int cleanup_tree(uint64_t epoch, struct err *err)
{
	_cleanup_fd_ int run = open("/run", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(removed); i++)
		if (remove_all(removed[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(emptied); i++)
		if (empty(emptied[i], err) < 0)
			return -1;
	if (remove_dangling("/etc/ssl/certs", "ssl-cert-snakeoil.pem", err) < 0 ||
		(run >= 0 && clear_run(run, err) < 0))
		return -1;
	return fix_shadow("/etc/shadow", epoch, err);
}

static int clamp(int dir, const char *name, const struct timespec *epoch)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (st.st_mtim.tv_sec < epoch->tv_sec || (st.st_mtim.tv_sec == epoch->tv_sec && st.st_mtim.tv_nsec == 0))
		return 0;
	return utimensat(dir, name, (struct timespec[]){*epoch, *epoch}, AT_SYMLINK_NOFOLLOW);
}

static int clamp_dir(int fd, const struct timespec *epoch, struct err *err)
{
	DIR *d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	int rc = d ? 0 : err_sys(err, errno, "read a directory");

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		_cleanup_fd_ int child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			rc = clamp_dir(child, epoch, err);
		if (rc == 0 && clamp(fd, e->d_name, epoch) < 0)
			rc = err_sys(err, errno, "set the time of %s", e->d_name);
	}
	if (d)
		closedir(d);
	return rc;
}

int cleanup_times(const char *upper, uint64_t epoch, struct err *err)
{
	struct timespec t = {.tv_sec = (time_t)epoch};
	_cleanup_fd_ int fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open %s", upper);
	if (clamp_dir(fd, &t, err) < 0)
		return -1;
	return clamp(fd, ".", &t) < 0 ? err_sys(err, errno, "set the time of %s", upper) : 0;
}
