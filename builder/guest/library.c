#include "guest/library.h"
#include "base/mem.h"
#include <dlfcn.h>
#include <string.h>

#define SONAME "libguestfs.so.0"

void library_release(struct library *l)
{
	if (l->handle)
		dlclose(l->handle);
	l->handle = NULL;
}

int library_load(struct library *l, struct err *err)
{
	struct {
		const char *name;
		void *slot;
	} functions[] = {{"create", &l->create}, {"close", &l->close}, {"last_error", &l->last_error},
		{"set_error_handler", &l->set_error_handler}, {"set_backend", &l->set_backend},
		{"set_backend_setting", &l->set_backend_setting}, {"add_drive_opts", &l->add_drive_opts},
		{"launch", &l->launch}, {"list_partitions", &l->list_partitions},
		{"blockdev_getsize64", &l->blockdev_getsize64}, {"vfs_type", &l->vfs_type},
		{"part_to_dev", &l->part_to_dev}, {"part_to_partnum", &l->part_to_partnum},
		{"pread_device", &l->pread_device}, {"mount_ro", &l->mount_ro}, {"umount_all", &l->umount_all},
		{"is_file", &l->is_file}, {"read_file", &l->read_file}};

	l->handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!l->handle) {
		err_set(err, ERR_TOOL, "inspect: libguestfs is not on this host (%s)", dlerror());
		return err_hint(
			err, "apt-get install libguestfs0 (it needs a kernel in /boot: linux-image-amd64 or the like)");
	}
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		_cleanup_free_ char *name = xasprintf("guestfs_%s", functions[i].name);
		void *f = dlsym(l->handle, name);
		if (!f)
			return err_set(err, ERR_TOOL, "inspect: %s has no function %s", SONAME, name);
		memcpy(functions[i].slot, &f, sizeof f); /* ISO C has no cast from data to function pointers */
	}
	return 0;
}
