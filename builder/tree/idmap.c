#include "tree/idmap.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

enum { IDS = 65536, SUBID_FILE_MAX = 1 << 20 };

/* "user:start:count" -> true when well-formed. */
static bool parse_line(const char *line, struct strvec *fields, uint64_t *start, uint64_t *count)
{
	str_split(fields, line, ":");
	return fields->n == 3 && str_to_u64(fields->v[1], start) && str_to_u64(fields->v[2], count) &&
	       *start <= UINT32_MAX && *count <= UINT32_MAX;
}

int idmap_subids(const char *file, const char *user, uid_t id, uint64_t want, uint64_t *start, struct err *err)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *number = xasprintf("%u", (unsigned)id);
	_cleanup_free_ char *text = path_read(file, SUBID_FILE_MAX, NULL, &ignored);
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	uint64_t free_from = 100000;

	err_release(&ignored); /* no file: nobody has a range */
	str_split(&lines, text ? text : "", "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_strvec_ struct strvec f = STRVEC_INIT;
		uint64_t from = 0, count = 0;
		if (!parse_line(lines.v[i], &f, &from, &count))
			continue;
		if (count >= want && (str_eq(f.v[0], user) || str_eq(f.v[0], number))) {
			*start = from;
			return 0;
		}
		if (from + count > free_from)
			free_from = from + count;
	}
	err_set(err, ERR_TOOL, "user %s has no range of %llu subordinate ids in %s", user, (unsigned long long)want,
		file);
	return err_hint(err, "as root: usermod --add-subuids %llu-%llu --add-subgids %llu-%llu %s",
		(unsigned long long)free_from, (unsigned long long)(free_from + IDS - 1), (unsigned long long)free_from,
		(unsigned long long)(free_from + IDS - 1), user);
}

static int write_map(pid_t pid, const char *name, struct err *err)
{
	_cleanup_free_ char *file = xasprintf("/proc/%d/%s", (int)pid, name);
	_cleanup_free_ char *map = xasprintf("0 0 %d\n", IDS);
	_cleanup_fd_ int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, map, strlen(map)) < 0) {
		err_sys(err, errno, "map the ids 0 to %d of a user namespace", IDS - 1);
		return err_hint(err, "in a container, give it these ids (a privileged container has them)");
	}
	return 0;
}

/* One run of newuidmap or newgidmap: 0 is the caller, 1 and up the subordinate ids. */
static int run_helper(const char *helper, const char *file, pid_t pid, uid_t own, const char *user, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_free_ char *path = proc_which(helper);
	uint64_t start = 0;

	if (!path) {
		err_set(err, ERR_TOOL, "%s: program not found (an ordinary user needs it to compose trees)", helper);
		return err_hint(err, "install the package uidmap");
	}
	if (idmap_subids(file, user, getuid(), IDS - 1, &start, err) < 0)
		return -1;
	strvec_addl(&argv, path, NULL);
	strvec_addf(&argv, "%d", (int)pid);
	strvec_addl(&argv, "0", NULL);
	strvec_addf(&argv, "%u", (unsigned)own);
	strvec_addl(&argv, "1", "1", NULL);
	strvec_addf(&argv, "%llu", (unsigned long long)start);
	strvec_addf(&argv, "%d", IDS - 1);
	return proc_run((const char *const *)argv.v, NULL, err) < 0 ? -1 : 0;
}

int idmap_write(pid_t pid, struct err *err)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (geteuid() == 0)
		return write_map(pid, "uid_map", err) < 0 || write_map(pid, "gid_map", err) < 0 ? -1 : 0;
	if (getpwuid_r(getuid(), &pw, buf, sizeof buf, &found) != 0 || !found)
		return err_set(err, ERR_TOOL, "user %u has no entry in the password database", (unsigned)getuid());
	if (run_helper("newuidmap", "/etc/subuid", pid, getuid(), found->pw_name, err) < 0)
		return -1;
	return run_helper("newgidmap", "/etc/subgid", pid, getgid(), found->pw_name, err);
}

/* The number in a file of /proc/sys, or `otherwise`. */
static uint64_t sysctl_value(const char *name, uint64_t otherwise)
{
	_cleanup_free_ char *file = path_join("/proc/sys", name);
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = path_read(file, 64, NULL, &ignored);
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	uint64_t n;

	err_release(&ignored);
	str_split(&words, text ? text : "", " \n");
	return words.n && str_to_u64(words.v[0], &n) ? n : otherwise;
}

void idmap_explain(struct err *err)
{
	bool root = geteuid() == 0;

	if (sysctl_value("user/max_user_namespaces", 1) == 0)
		err_hint(err, "user namespaces are turned off: sysctl user.max_user_namespaces=15000");
	else if (!root && sysctl_value("kernel/unprivileged_userns_clone", 1) == 0)
		err_hint(err, "user namespaces are for root only here: sysctl kernel.unprivileged_userns_clone=1");
	else if (!root && sysctl_value("kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		err_hint(err, "AppArmor restricts user namespaces here (Ubuntu): run kiln as root, install an AppArmor "
			      "profile that "
			      "allows kiln \"userns\", or sysctl kernel.apparmor_restrict_unprivileged_userns=0");
	else if (err->sys == EPERM && root)
		err_hint(err,
			"this container forbids user namespaces: run it with --privileged or an own seccomp profile");
}
