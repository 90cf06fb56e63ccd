/* The disk as it is: sparse, for dd, kiln flash and hypervisors that take raw disks. */
#include "base/mem.h"
#include "base/path.h"
#include "base/sparse.h"
#include "format/format.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int copy(const char *raw, const char *tmp, struct err *err)
{
	_cleanup_fd_ int from = open(raw, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, errno, "open %s", raw);
	_cleanup_fd_ int to = open(tmp, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	uint64_t size;
	if (to < 0)
		return err_sys(err, errno, "make %s", tmp);
	if (sparse_copy(from, to, 0, raw, &size, err) < 0)
		return -1;
	if (ftruncate(to, (off_t)size) < 0 || fsync(to) < 0)
		return err_sys(err, errno, "write %s", tmp);
	return 0;
}

/* No larger than its content: it is written to disks of any size. */
static int make_raw(const struct tools *t, const char *raw, uint64_t disk, const char *out, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.new", out), *dir = path_dir(out);

	(void)t;
	(void)disk;
	if (copy(raw, tmp, err) < 0) {
		unlink(tmp);
		return -1;
	}
	if (rename(tmp, out) < 0)
		return err_sys(err, errno, "rename %s to %s", tmp, out);
	return path_sync_dir(dir, err);
}

const struct format format_raw = {"raw", ".raw", "sparse disk image", make_raw};
