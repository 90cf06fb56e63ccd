#include "base/path.h"
#include "tree/lower.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 64 << 20 };

/* The control members, the list of files: dpkg's info/. */
static int link_one(const struct package *p, int info, struct err *err)
{
	_cleanup_free_ char *control = path_join(p->dir, "control"), *list = path_join(p->dir, "list");
	_cleanup_free_ char *list_name = xasprintf("%s.list", p->info);
	DIR *d = opendir(control);
	int rc = d ? 0 : err_sys(err, errno, "read %s", control);

	for (struct dirent *e = d ? readdir(d) : NULL; e && rc == 0; e = readdir(d)) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "control") == 0)
			continue;
		_cleanup_free_ char *name = xasprintf("%s.%s", p->info, e->d_name);
		if (linkat(dirfd(d), e->d_name, info, name, 0) < 0)
			rc = err_sys(err, errno, "link %s", name);
	}
	if (d)
		closedir(d);
	if (rc == 0 && linkat(AT_FDCWD, list, info, list_name, 0) < 0)
		rc = err_sys(err, errno, "link %s", list_name);
	return rc;
}

/* A list without the paths that another package took over. */
static int shorten_list(const struct package *p, int info, uint64_t epoch, struct err *err)
{
	_cleanup_free_ char *path = path_join(p->dir, "list"), *name = xasprintf("%s.list", p->info);
	_cleanup_free_ char *text = path_read(path, LIST_MAX, NULL, err);
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct timespec t = {.tv_sec = (time_t)epoch};

	if (!text)
		return -1;
	str_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (!strvec_has(&p->lost, lines.v[i]))
			strbuf_addf(&out, "%s\n", lines.v[i]);
	if (unlinkat(info, name, 0) < 0)
		return err_sys(err, errno, "replace %s", name);
	_cleanup_fd_ int fd = openat(info, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fd_write_all(fd, strbuf_cstr(&out), out.len) < 0 || futimens(fd, (struct timespec[]){t, t}) < 0)
		return err_sys(err, errno, "write %s", name);
	return 0;
}

int info_link(const struct package_list *l, int info, uint64_t epoch, struct err *err)
{
	for (size_t i = 0; i < l->pkgs.n; i++) {
		const struct package *p = &l->pkgs.v[i];
		if (!p->by_dpkg && link_one(p, info, err) < 0)
			return -1;
		if (p->lost.n && shorten_list(p, info, epoch, err) < 0)
			return -1;
	}
	return 0;
}
