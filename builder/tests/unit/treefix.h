/*
 * Trees for tests, made inside the user namespace (call these from ns_call): any failure ends the process with a line
 * on stderr, because cmocka's asserts do not work in a forked child. Paths are relative to fix_root.
 */
#pragma once
#include "base/str.h"
#include "tree/namespace.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char fix_base[4096];

static inline void fix_root(const char *at)
{
	snprintf(fix_base, sizeof fix_base, "%s", at);
}
#define FIX_PATH(rel)                                                                                                  \
	char path_[8192];                                                                                              \
	snprintf(path_, sizeof path_, "%s/%s", fix_base, rel)
#define FIX_TRY(call)                                                                                                  \
	do {                                                                                                           \
		if ((call) < 0) {                                                                                      \
			fprintf(stderr, "%s: %s: %s\n", #call, path_, strerror(errno));                                \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

/* All fixtures are of one time, later than any epoch of the tests unless fix_time says otherwise. */
static inline void fix_time(const char *rel, time_t t)
{
	FIX_PATH(rel);
	struct timespec ts[2] = {{.tv_sec = t, .tv_nsec = 5}, {.tv_sec = t, .tv_nsec = 5}};
	FIX_TRY(utimensat(AT_FDCWD, path_, ts, AT_SYMLINK_NOFOLLOW));
}
static inline void fix_parents(char *path)
{
	for (char *p = path + strlen(fix_base) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
}
static inline void fix_dir(const char *rel, mode_t mode, uid_t uid, gid_t gid)
{
	FIX_PATH(rel);
	fix_parents(path_);
	if (mkdir(path_, 0755) < 0 && errno != EEXIST)
		FIX_TRY(-1);
	FIX_TRY(chown(path_, uid, gid));
	FIX_TRY(chmod(path_, mode));
}
static inline void fix_data(const char *rel, const void *data, size_t n, mode_t mode, uid_t uid, gid_t gid)
{
	FIX_PATH(rel);
	fix_parents(path_);
	int fd = open(path_, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	FIX_TRY(fd);
	FIX_TRY(write(fd, data, n));
	FIX_TRY(fchown(fd, uid, gid));
	FIX_TRY(fchmod(fd, mode));
	close(fd);
}
static inline void fix_file(const char *rel, const char *text, mode_t mode, uid_t uid, gid_t gid)
{
	fix_data(rel, text, strlen(text), mode, uid, gid);
}
static inline void fix_whiteout(const char *rel)
{
	FIX_PATH(rel);
	fix_parents(path_);
	FIX_TRY(mknod(path_, S_IFCHR, makedev(0, 0)));
}
static inline void fix_xattr(const char *rel, const char *name, const void *value, size_t n)
{
	FIX_PATH(rel);
	FIX_TRY(setxattr(path_, name, value, n, 0));
}
static inline void fix_opaque(const char *rel)
{
	fix_xattr(rel, "user.overlay.opaque", "y", 1);
}
/* cap_net_bind_service=ep */
static inline void fix_caps(const char *rel)
{
	struct vfs_cap_data c = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data[0].permitted = 1 << 10};
	fix_xattr(rel, "security.capability", &c, sizeof c);
}
static inline void fix_link(const char *from, const char *rel)
{
	char old[8192];
	snprintf(old, sizeof old, "%s/%s", fix_base, from);
	FIX_PATH(rel);
	FIX_TRY(link(old, path_));
}
static inline void fix_symlink(const char *rel, const char *target)
{
	FIX_PATH(rel);
	fix_parents(path_);
	FIX_TRY(symlink(target, path_));
}
/* A file under `levels` directories with names of 80 bytes. */
static inline void fix_long(const char *rel, unsigned levels, const char *text)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, rel);
	for (unsigned i = 0; i < levels; i++) {
		strbuf_addc(&b, '/');
		for (unsigned k = 0; k < 80; k++)
			strbuf_addc(&b, (char)('a' + i));
	}
	strbuf_adds(&b, "/file");
	fix_file(b.s, text, 0644, 0, 0);
	strbuf_release(&b);
}
