#include "steps/inputs.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/download.h"
#include <errno.h>

int inputs_lock(const struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	_cleanup_free_ char *path = lock_path(a->beside);
	_cleanup_err_ struct err read = ERR_INIT;

	if (lock_read(path, ret, &read) == 0) {
		if (lock_fits(ret, a))
			return 0;
		log_note("%s does not fit %s any more: resolving anew", path, a->file);
		lock_release(ret);
	} else if (read.sys != ENOENT) {
		err_move(err, &read);
		return err_hint(err, "repair it, or remove it and let \"kiln lock %s\" make a new one",
			a->beside == a->file ? a->file : a->name);
	}
	if (lock_resolve(a, c, offline, ret, err) < 0)
		return -1;
	return lock_write(path, ret, err);
}

int inputs_ready(const struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	if (inputs_lock(a, c, offline, ret, err) < 0)
		return -1;
	struct download_opts opts = {.offline = offline};
	return lock_fetch(ret, c, &opts, err) < 0 ? -1 : lock_fetch_images(ret, a, c, &opts, err);
}
