/*
 * Where tests do hostile things. Tests run as root, and code under test may be wrong: so whatever a link, name or
 * whiteout of theirs reaches must be the scratch directory's, by construction.
 *
 * The directory to work in lies 12 levels deep in the scratch directory: chains of `..` end within. At each level there
 * stand a file `canary` and a directory `canaries` that has one; absolute names lead to one of them (CANARY, CANARIES).
 * Nothing on a host is called so: hostile names are these, never etc or usr. outside_end sees whether anything but the
 * directory to work in was written, removed or changed.
 */
#pragma once
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANARY "@canary@"     /* replaced by outside_text: an absolute path of a file */
#define CANARIES "@canaries@" /* of a directory */
enum { OUTSIDE_LEVELS = 12 };
static char *outside_top, *outside_work, *outside_before;

static inline int outside_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* What lies in a directory, a line each: all that lstat and the content tell. The directory to work in is left out. */
static inline void outside_list(struct strbuf *to, const char *dir)
{
	struct dirent **all = NULL;
	int n = scandir(dir, &all, NULL, outside_order);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = path_join(dir, all[i]->d_name);
		struct stat st;
		char data[256];
		bool skip = str_eq(all[i]->d_name, ".") || str_eq(all[i]->d_name, "..") || str_eq(path, outside_work);
		free(all[i]);
		if (skip || lstat(path, &st) < 0)
			continue;
		strbuf_addf(to, "%06o %u:%u links %u, %lld bytes, %lld.%09ld %s", (unsigned)st.st_mode,
			(unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)st.st_nlink,
			S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec, path);
		_cleanup_fd_ int fd = S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t got = fd < 0 ? -1 : read(fd, data, sizeof data);
		strbuf_addf(to, " %.*s\n", got < 0 ? 0 : (int)got, data);
		if (S_ISDIR(st.st_mode))
			outside_list(to, path);
	}
	if (n < 0)
		strbuf_addf(to, "%s cannot be read\n", dir);
	free(all);
}

static inline int outside_canary(const char *dir, struct err *err)
{
	static const char text[] = "nobody writes here";
	_cleanup_free_ char *path = path_join(dir, "canary");

	return path_write(path, text, strlen(text), 0640, err);
}

/* Make a scratch directory. The path of the directory to work in, good until outside_end, or NULL with a line on
 * stderr. */
static inline char *outside_begin(const char *prefix)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT, list = STRBUF_INIT;
	const char *tmp = getenv("TMPDIR");
	int r = 0;

	outside_top = path_tempdir(tmp ? tmp : "/tmp", prefix, &e);
	if (!outside_top) {
		fprintf(stderr, "%s\n", e.msg);
		return NULL;
	}
	strbuf_adds(&path, outside_top);
	for (int i = 0; !r && i <= OUTSIDE_LEVELS; i++) {
		if (i)
			strbuf_addf(&path, "/%d", i);
		_cleanup_free_ char *canaries = path_join(path.s, "canaries");
		r = path_mkdirs(canaries, &e) || outside_canary(canaries, &e) || outside_canary(path.s, &e);
	}
	outside_work = path_join(path.s, "work");
	if (r || path_mkdirs(outside_work, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return NULL;
	}
	outside_list(&list, outside_top);
	outside_before = xstrdup(strbuf_cstr(&list));
	return outside_work;
}

/* The text with the names of the canaries in it; the caller frees it. */
static inline char *outside_text(const char *text)
{
	struct strbuf out = STRBUF_INIT;

	for (const char *at; (at = strstr(text, "@canar")); text = strchr(at + 1, '@') + 1) {
		strbuf_add(&out, text, (size_t)(at - text));
		strbuf_addf(&out, "%s/%s", outside_top, str_starts(at, CANARY) ? "canary" : "canaries");
	}
	strbuf_adds(&out, text);
	return out.s;
}

/* The lines of `a` that `b` has not, on stderr. */
static inline void outside_missing(const char *sign, const char *a, const char *b)
{
	for (size_t n; *a; a += n) {
		n = strcspn(a, "\n") + 1;
		_cleanup_free_ char *line = xstrndup(a, n);
		if (!strstr(b, line))
			fprintf(stderr, "%s %s", sign, line);
	}
}

/* Whether all is as it was beside the directory to work in; what is not, on stderr. */
static inline bool outside_unchanged(void)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;

	outside_list(&list, outside_top);
	if (str_eq(outside_before, strbuf_cstr(&list)))
		return true;
	fprintf(stderr, "something was done outside of %s\n", outside_work);
	outside_missing("-", outside_before, list.s);
	outside_missing("+", list.s, outside_before);
	return false;
}

/*
 * Look, and remove everything by `remove`. A change outside ends the program with status 1 at once: of what a group's
 * teardown returns, cmocka makes no failure.
 */
static inline int outside_end(int (*remove)(const char *path, struct err *err))
{
	_cleanup_err_ struct err e = ERR_INIT;
	if (!outside_before)
		return -1; /* the setup failed */
	bool unchanged = outside_unchanged();
	int r = remove(outside_top, &e);

	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	if (r < 0 || !unchanged)
		exit(1);
	free(steal(outside_top));
	free(steal(outside_work));
	free(steal(outside_before));
	return 0;
}
