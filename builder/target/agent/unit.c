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

/* What systemctl said of one unit: of each property its value, or NULL. */
struct said {
	const char *unit, *values[UNIT_PROPERTIES_MAX];
};

static void note_line(struct said *s, const char *const *properties, const char *line)
{
	const char *value = strchr(line, '=');
	if (!value)
		return;
	if (str_starts(line, "Id="))
		s->unit = value + 1;
	for (size_t i = 0; properties[i]; i++)
		if (strlen(properties[i]) == (size_t)(value - line) && str_starts(line, properties[i]))
			s->values[i] = value + 1;
}

/* Answers come as blocks of lines, one for each unit, with an empty line between them. */
int unit_show(const struct machine *m, const char *const *properties,
	void (*each)(void *arg, const char *unit, const char *const *values), void *arg, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	strvec_addl(&argv, "systemctl", "show", "--property=Id", NULL);
	for (size_t i = 0; properties[i]; i++)
		strvec_addf(&argv, "--property=%s", properties[i]);
	for (size_t i = 0; i < m->n_containers; i++)
		strvec_add(&argv, m->containers[i].unit);
	if (!m->n_containers)
		return 0;
	if (proc_run((const char *const *)argv.v, &(struct proc_opts){.capture = &out, .timeout_ms = 30000}, err) < 0)
		return -1;
	struct said s = {0};
	for (char *line = out.s, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		note_line(&s, properties, line);
		if (*line && next)
			continue;
		if (s.unit)
			each(arg, s.unit, s.values);
		s = (struct said){0};
	}
	return 0;
}

struct restarts {
	const struct machine *m;
	unsigned *counts;
};

static void note_restarts(void *arg, const char *unit, const char *const *values)
{
	const struct restarts *r = arg;
	uint64_t n;
	if (!values[0] || !str_to_u64(values[0], &n) || n > UINT_MAX)
		return;
	for (size_t i = 0; i < r->m->n_containers; i++)
		if (str_eq(r->m->containers[i].unit, unit))
			r->counts[i] = (unsigned)n;
}

int unit_restarts(const struct machine *m, unsigned *counts, struct err *err)
{
	static const char *const properties[] = {"NRestarts", NULL};
	return unit_show(m, properties, note_restarts, &(struct restarts){.m = m, .counts = counts}, err);
}
