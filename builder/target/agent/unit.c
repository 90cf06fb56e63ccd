#include "target/agent/unit.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include <dirent.h>
#include <limits.h>
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

static void note_restarts(const struct machine *m, const char *unit, uint64_t n, unsigned *counts)
{
	for (size_t i = 0; unit && n <= UINT_MAX && i < m->n_containers; i++)
		if (str_eq(m->containers[i].unit, unit))
			counts[i] = (unsigned)n;
}

/* Answers come as blocks of lines, one for each unit, with an empty line between them. */
int unit_restarts(const struct machine *m, unsigned *counts, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	strvec_addl(&argv, "systemctl", "show", "--property=Id", "--property=NRestarts", NULL);
	for (size_t i = 0; i < m->n_containers; i++)
		strvec_add(&argv, m->containers[i].unit);
	if (!m->n_containers)
		return 0;
	if (proc_run((const char *const *)argv.v, &(struct proc_opts){.capture = &out, .timeout_ms = 30000}, err) < 0)
		return -1;
	const char *unit = NULL;
	uint64_t n = UINT64_MAX; /* not said */
	for (char *line = out.s, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (str_starts(line, "Id="))
			unit = line + strlen("Id=");
		else if (str_starts(line, "NRestarts=") && !str_to_u64(line + strlen("NRestarts="), &n))
			n = UINT64_MAX;
		if (*line && next)
			continue;
		note_restarts(m, unit, n, counts);
		unit = NULL;
		n = UINT64_MAX;
	}
	return 0;
}
