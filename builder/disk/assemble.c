#include "disk/assemble.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/sparse.h"
#include "disk/gpt.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int size_of(const char *path, uint64_t *ret, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, errno, "%s", path);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int place(const char *from, const struct layout_part *p, int out, struct err *err)
{
	_cleanup_fd_ int fd = open(from, O_RDONLY | O_CLOEXEC);
	uint64_t size;

	if (fd < 0)
		return err_sys(err, errno, "open %s", from);
	if (sparse_copy(fd, out, p->start, from, &size, err) < 0)
		return -1;
	if (size > p->size)
		return err_set(err, ERR_IO, "%s grew while it was read", from);
	return 0;
}

static int write_disk(const struct layout *l, const struct disk_parts *parts, const char *tmp, struct err *err)
{
	_cleanup_fd_ int fd = open(tmp, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0 || ftruncate(fd, (off_t)l->size) < 0)
		return err_sys(err, errno, "make %s", tmp);
	if (place(parts->esp, &l->parts[PART_ESP], fd, err) < 0 ||
		place(parts->root, &l->parts[PART_ROOT_A], fd, err) < 0 ||
		place(parts->root_verity, &l->parts[PART_ROOT_A_VERITY], fd, err) < 0 ||
		place(parts->store, &l->parts[PART_STORE_A], fd, err) < 0 ||
		place(parts->store_verity, &l->parts[PART_STORE_A_VERITY], fd, err) < 0 || gpt_write(l, fd, err) < 0)
		return -1;
	return fsync(fd) < 0 ? err_sys(err, errno, "write %s", tmp) : 0;
}

int disk_assemble(const struct layout_want *want, const struct disk_parts *parts, const char *out, struct layout *ret,
	struct err *err)
{
	struct layout_want w = *want;
	struct layout l;

	if (size_of(parts->esp, &w.esp, err) < 0 || size_of(parts->root, &w.root, err) < 0 ||
		size_of(parts->root_verity, &w.root_verity, err) < 0 || size_of(parts->store, &w.store, err) < 0 ||
		size_of(parts->store_verity, &w.store_verity, err) < 0 || layout_plan(&w, &l, err) < 0)
		return -1;
	_cleanup_free_ char *tmp = xasprintf("%s.new", out), *dir = path_dir(out);
	if (write_disk(&l, parts, tmp, err) < 0) {
		unlink(tmp);
		return -1;
	}
	if (rename(tmp, out) < 0)
		return err_sys(err, errno, "rename %s to %s", tmp, out);
	if (ret)
		*ret = l;
	return path_sync_dir(dir, err);
}
