#include "target/agent/podman.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/agent/unit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "KILN_EXEC"
#define ENVIRON_MAX (1u << 20)

/* A file in memory, at its start: secrets reach a program without touching a disk or a command line. */
static int memory_file(const char *text, struct err *err)
{
	_cleanup_fd_ int fd = memfd_create("stdin", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "standard input in memory");
	return steal_fd(&fd);
}

static bool env_holds(const char *pid, const char *entry)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("/proc/%s/environ", pid);
	size_t len = 0;
	_cleanup_free_ char *all = path_read(path, ENVIRON_MAX, &len, &ignored);
	return all && memmem(all, len, entry, strlen(entry) + 1);
}

/* Killing `podman exec` leaves what it started running in the container; its environment carries a mark to find it by.
 */
static void kill_marked(const char *entry)
{
	DIR *d = opendir("/proc");
	const struct dirent *e;
	while (d && (e = readdir(d))) {
		uint64_t pid;
		if (str_to_u64(e->d_name, &pid) && (pid_t)pid != getpid() && env_holds(e->d_name, entry))
			kill((pid_t)pid, SIGKILL);
	}
	if (d)
		closedir(d);
}

/* The values go into podman's own environment; its command line only names them. */
static void add_env(const json_t *env, struct strvec *argv, struct strvec *environment)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)env, name, value)
	{
		if (!json_is_string(value))
			continue;
		strvec_addl(argv, "--env", name, NULL);
		strvec_addf(environment, "%s=%s", name, json_string_value(value));
	}
}

/* PATH and such of ours must not win over a value of the same name: the later entry would be ignored. */
static void own_env(const json_t *env, struct strvec *environment)
{
	for (char **e = environ; *e; e++) {
		_cleanup_free_ char *name = xstrndup(*e, strcspn(*e, "="));
		if (!json_object_get(env, name) && !str_eq(name, MARK))
			strvec_add(environment, *e);
	}
}

/* The command line, and podman's environment with a new mark. */
static int command_line(const struct podman_exec *x, bool input, struct strvec *argv, struct strvec *environment,
	char **mark, struct err *err)
{
	uint64_t random = 0;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, errno, "random numbers");
	*mark = xasprintf("%s=%016llx", MARK, (unsigned long long)random);
	strvec_addl(argv, "podman", "exec", "--env", MARK, NULL);
	strvec_add(environment, *mark);
	own_env(x->env, environment);
	add_env(x->env, argv, environment);
	if (x->user)
		strvec_addl(argv, "--user", x->user, NULL);
	if (input)
		strvec_add(argv, "--interactive");
	strvec_add(argv, x->container);
	strvec_add_all(argv, x->argv);
	return 0;
}

/* "podman failed with exit status 3:" and the output, which callers have: as if podman were not there. */
static int failed_in(const struct podman_exec *x, const struct err *failed, struct err *err)
{
	const char *how = str_starts(failed->msg, "podman ") ? failed->msg + 7 : failed->msg;
	return err_set(err, ERR_TOOL, "%s in %s %.*s", x->argv[0] ? x->argv[0] : "", x->container,
		(int)strcspn(how, ":\n"), how);
}

int podman_start(const struct podman_exec *x, int in, int out, struct podman_child *c, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, environment = STRVEC_INIT;
	*c = (struct podman_child){0};
	if (command_line(x, in != 0, &argv, &environment, &c->mark, err) < 0)
		return -1;
	struct proc_opts opts = {.env = (const char *const *)environment.v, .in = in, .out = out};
	return proc_start(&c->proc, (const char *const *)argv.v, &opts, err);
}

int podman_wait(struct podman_child *c, const struct podman_exec *x, struct strbuf *said, struct err *err)
{
	_cleanup_err_ struct err failed = ERR_INIT;
	int r = proc_wait(&c->proc, &failed);
	free(steal(c->mark));
	if (r == 0)
		return 0;
	const char *text = strchr(failed.msg, '\n');
	strbuf_adds(said, text ? text + 1 : "");
	return failed_in(x, &failed, err);
}

void podman_kill(struct podman_child *c)
{
	if (c->proc.pid > 0)
		kill_marked(c->mark);
	proc_kill(&c->proc);
	free(steal(c->mark));
}

int podman_exec(const struct podman_exec *x, struct strbuf *out, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, environment = STRVEC_INIT;
	_cleanup_free_ char *mark = NULL;
	if (command_line(x, x->stdin_text, &argv, &environment, &mark, err) < 0)
		return -1;
	_cleanup_fd_ int in = x->stdin_text ? memory_file(x->stdin_text, err) : -1;
	if (x->stdin_text && in < 0)
		return -1;
	struct proc_opts opts = {.env = (const char *const *)environment.v,
		.in = in > 0 ? in : 0,
		.capture = out,
		.merge = true,
		.timeout_ms = x->timeout_ms};
	uint64_t begun = agent_ms();
	_cleanup_err_ struct err failed = ERR_INIT;
	if (proc_run((const char *const *)argv.v, &opts, &failed) == 0)
		return 0;
	bool late = x->timeout_ms && agent_ms() - begun >= x->timeout_ms;
	if (late)
		kill_marked(mark);
	if (late)
		return err_set(err, ERR_TOOL, "%s in %s did not end within %llu ms", x->argv[0] ? x->argv[0] : "",
			x->container, (unsigned long long)x->timeout_ms);
	return failed_in(x, &failed, err);
}

int podman_signal(const char *container, const char *signal, struct err *err)
{
	const char *const argv[] = {"podman", "kill", "--signal", signal, container, NULL};
	return proc_run(argv, &(struct proc_opts){.timeout_ms = 60000}, err) < 0 ? -1 : 0;
}

static bool same_net(const char *pid, ino_t host)
{
	struct stat st;
	_cleanup_free_ char *path = xasprintf("/proc/%s/ns/net", pid);
	return stat(path, &st) < 0 || st.st_ino == host;
}

pid_t podman_pid(const struct container *c)
{
	struct stat st;
	_cleanup_free_ char *dir = unit_group(c->unit);
	_cleanup_strvec_ struct strvec pids = STRVEC_INIT;
	uint64_t pid;
	if (stat("/proc/self/ns/net", &st) < 0)
		return 0;
	unit_processes(dir, &pids);
	for (size_t i = 0; i < pids.n; i++)
		if (str_to_u64(pids.v[i], &pid) && !same_net(pids.v[i], st.st_ino))
			return (pid_t)pid;
	return 0;
}
