#include "vm/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

int loop_attach(const char *file, unsigned *number, struct err *err)
{
	_cleanup_fd_ int fd = open(file, O_RDWR | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config c = {.fd = (uint32_t)fd, .info.lo_flags = LO_FLAGS_AUTOCLEAR};

	if (fd < 0 || control < 0)
		return err_sys(err, errno, "%s", fd < 0 ? file : "/dev/loop-control");
	for (unsigned tries = 0; tries < 100; tries++) { /* others take loop devices, too */
		int free_one = ioctl(control, LOOP_CTL_GET_FREE);
		_cleanup_free_ char *path = xasprintf("/dev/loop%d", free_one);
		_cleanup_fd_ int loop = free_one < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			return err_sys(err, errno, "a free loop device");
		if (ioctl(loop, LOOP_CONFIGURE, &c) == 0) {
			*number = (unsigned)free_one;
			return steal_fd(&loop);
		}
		if (errno != EBUSY)
			return err_sys(err, errno, "%s: %s", path, file);
	}
	return err_set(err, ERR_TOOL, "no loop device is free for %s", file);
}
