/* Devices that a driver does not make itself, and udev does not know. */
#include "base/log.h"
#include "base/path.h"
#include "target/agent/gpu.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* One with other numbers is of a driver that was loaded before. */
static int make(const struct gpus *g, const struct gpu_device *d)
{
	struct stat st;
	dev_t dev = makedev(d->major, d->minor);
	if (path_mkparents_in(g->root, d->path) < 0)
		return -1;
	_cleanup_free_ char *dir = path_dir(d->path);
	_cleanup_fd_ int fd = path_open_in(g->root, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	const char *name = path_base(d->path);
	if (fd < 0)
		return -1;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISCHR(st.st_mode) || st.st_rdev == dev)
			return 0;
		if (unlinkat(fd, name, 0) < 0)
			return -1;
	}
	/* mknod is subject to umask */
	if (mknodat(fd, name, S_IFCHR | 0600, dev) < 0 || fchownat(fd, name, g->device_uid, g->device_gid, 0) < 0)
		return -1;
	return fchmodat(fd, name, g->device_mode, 0);
}

void gpu_make_devices(const struct gpus *g)
{
	for (size_t i = 0; i < g->devices.n; i++)
		if (make(g, &g->devices.v[i]) < 0)
			log_warn("make %s: %s", g->devices.v[i].path, strerror(errno));
}
