/* QEMU's format, by qemu-img of the tools tree. */
#include "base/mem.h"
#include "format/format.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

static int grow(const struct tools *t, const char *dir, uint64_t disk, struct err *err)
{
	_cleanup_free_ char *size = xasprintf("%" PRIu64, disk);
	const char *argv[] = {"qemu-img", "resize", "-q", "-f", "qcow2", "out", size, NULL};

	return tools_run(t, dir, argv, NULL, err);
}

static int make_qcow2(const struct tools *t, const char *raw, uint64_t disk, const char *out, struct err *err)
{
	struct stat st;
	_cleanup_workdir_ char *dir = tools_workdir(out, err);

	if (!dir)
		return -1;
	/* One coroutine, writes in order: the same clusters at the same places every time. */
	const struct ns_bind binds[] = {{.from = raw, .to = "/kiln/raw", .read_only = true}, {0}};
	const char *argv[] = {"qemu-img", "convert", "-m", "1", "-f", "raw", "-O", "qcow2", "-o",
		"compat=1.1,lazy_refcounts=off", "/kiln/raw", "out", NULL};
	if (stat(raw, &st) < 0)
		return err_sys(err, errno, "qcow2: %s", raw);
	if (tools_run_with(t, dir, binds, argv, NULL, err) < 0 ||
		((uint64_t)st.st_size < disk && grow(t, dir, disk, err) < 0))
		return err_wrap(err, "qcow2");
	return tools_publish(dir, "out", out, err);
}

const struct format format_qcow2 = {"qcow2", ".qcow2", "QEMU disk image", make_qcow2};
