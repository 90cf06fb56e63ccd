#include "base/sparse.h"
#include "base/path.h"
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Share the blocks (btrfs, xfs): whole blocks only, hence the aligned offset. Anything else is for the caller to copy.
 */
static int share(int from, int to, uint64_t offset, uint64_t size)
{
	struct file_clone_range r = {.src_fd = from, .src_length = size, .dest_offset = offset};

	return size % 4096 || offset % 4096 ? -1 : ioctl(to, FICLONERANGE, &r);
}

int sparse_copy(int from, int to, uint64_t offset, const char *what, uint64_t *ret_size, struct err *err)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return err_sys(err, errno, "copy %s", what);
	uint64_t size = (uint64_t)st.st_size;
	if (ret_size)
		*ret_size = size;
	if (size == 0 || share(from, to, offset, size) == 0)
		return 0;
	for (off_t data = 0, end; (data = lseek(from, data, SEEK_DATA)) >= 0; data = end) {
		end = lseek(from, data, SEEK_HOLE);
		if (end < 0 || lseek(from, data, SEEK_SET) < 0 || lseek(to, (off_t)offset + data, SEEK_SET) < 0 ||
			fd_copy(from, to, (uint64_t)(end - data)) < 0)
			return err_sys(err, errno, "copy %s", what);
	}
	return errno == ENXIO ? 0 : err_sys(err, errno, "copy %s", what); /* ENXIO: no data after this */
}
