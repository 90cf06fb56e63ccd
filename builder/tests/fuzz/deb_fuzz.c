/*
 * Packages of any bytes, and tar archives of any bytes inside a good package: unpacked or refused, never outside of the
 * directory. Run as root or in a user namespace, or owners cannot be set and little is reached.
 */
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "deb/archive.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_member(struct strbuf *out, const char *name, const void *data, size_t n)
{
	strbuf_addf(out, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", n);
	strbuf_add(out, data, n);
	if (n & 1)
		strbuf_addc(out, '\n');
}

/* First byte 0: the rest is a whole package. 1: a control.tar. Others: a data.tar behind an empty control.tar. */
static void wrap(struct strbuf *out, const uint8_t *data, size_t size)
{
	static const char zeros[1024];

	if (!size)
		return;
	if (*data == 0) {
		strbuf_add(out, data + 1, size - 1);
		return;
	}
	strbuf_adds(out, "!<arch>\n");
	add_member(out, "debian-binary", "2.0\n", 4);
	if (*data != 1)
		add_member(out, "control.tar", zeros, sizeof zeros);
	add_member(out, *data == 1 ? "control.tar" : "data.tar", data + 1, size - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT, control = STRBUF_INIT;
	_cleanup_fd_ int fd = memfd_create("deb", MFD_CLOEXEC);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-fuzz-", &e);

	wrap(&deb, data, size);
	if (fd < 0 || fd_write_all(fd, strbuf_cstr(&deb), deb.len) < 0 || !dir)
		return 0;
	_cleanup_fd_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)deb_unpack(path, NULL, dirfd, &e);
	(void)deb_control(path, &control, &e);
	if (path_remove(dir, &e) < 0)
		__builtin_trap();
	return 0;
}
