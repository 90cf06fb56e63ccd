#include "target/agent/unit.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include <dirent.h>
#include <string.h>

#define SLICE "/sys/fs/cgroup/system.slice"

char *unit_group(const char *unit)
{
	return xasprintf(SLICE "/%s", unit);
}

static void processes(const char *group, int depth, struct strvec *pids)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *list = path_join(group, "cgroup.procs");
	_cleanup_free_ char *text = path_read(list, 1 << 20, NULL, &ignored);
	DIR *d = depth > 0 ? opendir(group) : NULL;
	const struct dirent *e;
	str_split(pids, text ? text : "", "\n");
	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		_cleanup_free_ char *sub = path_join(group, e->d_name);
		processes(sub, depth - 1, pids);
	}
	if (d)
		closedir(d);
}

void unit_processes(const char *group, struct strvec *pids)
{
	processes(group, 4, pids);
}

bool unit_running(const char *unit)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf(SLICE "/%s/cgroup.events", unit);
	if (!path_is_dir(SLICE))
		return true;
	_cleanup_free_ char *events = path_read(path, 4096, NULL, &ignored);
	return events && strstr(events, "populated 1");
}

char *unit_state(const char *unit, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *const argv[] = {"systemctl", "show", "--property=ActiveState", "--value", unit, NULL};
	if (proc_run(argv, &(struct proc_opts){.capture = &out, .timeout_ms = 30000}, err) < 0)
		return NULL;
	return xstrndup(strbuf_cstr(&out), strcspn(strbuf_cstr(&out), "\n"));
}

int unit_queue(const char *verb, const char *unit, struct err *err)
{
	const char *const argv[] = {"systemctl", "--no-block", verb, unit, NULL};
	return proc_run(argv, &(struct proc_opts){.timeout_ms = 30000}, err) < 0 ? -1 : 0;
}
