#include "wire/wire.h"
#include "base/path.h"
#include "base/str.h"
#include "wire/parts.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned static_mode(const struct file_spec *s)
{
	struct stat st;
	if (s->mode)
		return s->mode;
	return s->source && stat(s->source, &st) == 0 && (st.st_mode & 0100) ? 0755 : 0644;
}

/* Files that need nothing of the machine lie in the image and are bind-mounted from there. */
static int static_files(const struct container *c, const struct wire_facts *f, struct wire_files *w, struct err *err)
{
	for (size_t i = 0; i < c->files.n; i++) {
		const struct file_spec *s = &c->files.v[i];
		if (wire_file_is_rendered(s))
			continue;
		_cleanup_free_ char *path = xasprintf("/usr/lib/kiln/files/%s%s", c->name, s->path);
		struct wire_file *file = wire_add(w, path);
		if (s->source) {
			file->source = arena_strdup(&w->arena, s->source);
		} else {
			file->data = arena_strdup(&w->arena, s->text ? s->text : "");
			file->len = strlen(file->data);
		}
		file->mode = static_mode(s);
		if (f->user(f->user_arg, c, s->owner, s->group, &file->uid, &file->gid, err) < 0)
			return err_wrap(err, "container %s: %s", c->name, s->path);
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct wire_file *)a)->path, ((const struct wire_file *)b)->path);
}

int wire_make(const struct appliance *a, const struct wire_facts *f, struct wire_files *out, struct err *err)
{
	for (size_t i = 0; i < a->containers.n; i++)
		if (wire_quadlet(a, &a->containers.v[i], out, err) < 0 ||
			static_files(&a->containers.v[i], f, out, err) < 0)
			return -1;
	if (wire_machine(a, f, out, err) < 0 || wire_units(a, out, err) < 0 || wire_os(a, f, out, err) < 0)
		return -1;
	if (out->list.n)
		qsort(out->list.v, out->list.n, sizeof *out->list.v, by_path);
	for (size_t i = 1; i < out->list.n; i++)
		if (str_eq(out->list.v[i].path, out->list.v[i - 1].path))
			return err_set(err, ERR_CONFIG, "%s is defined twice", out->list.v[i].path);
	return 0;
}

void wire_files_release(struct wire_files *out)
{
	vec_release(&out->list);
	arena_release(&out->arena);
}

static int copy_source(int to, const struct wire_file *f, struct err *err)
{
	_cleanup_fd_ int from = open(f->source, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, errno, "%s", f->source);
	return fd_copy(from, to, UINT64_MAX) < 0 ? err_sys(err, errno, "copying %s", f->source) : 0;
}

static int write_file(int root, const struct wire_file *f, const struct timespec times[2], struct err *err)
{
	const char *path = f->path + 1;
	if (path_mkparents_in(root, path) < 0)
		return err_sys(err, errno, "%s", f->path);
	if (f->target)
		return symlinkat(f->target, root, path) < 0 || utimensat(root, path, times, AT_SYMLINK_NOFOLLOW) < 0
			       ? err_sys(err, errno, "%s", f->path)
			       : 0;
	_cleanup_fd_ int fd = path_open_in(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", f->path);
	if (f->source ? copy_source(fd, f, err) < 0 : fd_write_all(fd, f->data, f->len) < 0)
		return f->source ? -1 : err_sys(err, errno, "%s", f->path);
	if (fchown(fd, f->uid, f->gid) < 0 || fchmod(fd, f->mode) < 0 || futimens(fd, times) < 0)
		return err_sys(err, errno, "%s", f->path);
	return 0;
}

int wire_write(const struct appliance *a, const struct wire_facts *f, const char *outdir, struct err *err)
{
	_cleanup_wire_ struct wire_files w = {0};
	if (wire_make(a, f, &w, err) < 0)
		return -1;
	if (mkdir(outdir, 0755) < 0)
		return err_sys(err, errno, "%s", outdir);
	_cleanup_fd_ int root = open(outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? err_sys(err, errno, "%s", outdir) : 0;
	const struct timespec times[2] = {{.tv_sec = (time_t)f->epoch}, {.tv_sec = (time_t)f->epoch}};
	for (size_t i = 0; i < w.list.n && r == 0; i++)
		r = write_file(root, &w.list.v[i], times, err);
	if (r < 0) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		path_remove(outdir, &ignored);
	}
	return r;
}
