#include "target/agent/agent.h"
#include "base/json.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_FIELDS_4_TO_21 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"

int agent_init(struct agent *a, const char *conf, const char *state, const char *run, struct err *err)
{
	*a = (struct agent){.state = xstrdup(state), .run = xstrdup(run), .conf = xstrdup(conf)};
	/* `network` has settled the subnet of this boot; before it ran, the machine file's own holds. */
	_cleanup_free_ char *override = path_join(run, "subnet");
	_cleanup_free_ char *subnet = NULL;
	if (path_exists(override)) {
		subnet = path_read(override, 64, NULL, err);
		if (!subnet)
			return -1;
		subnet[strcspn(subnet, "\n")] = 0;
	}
	return machine_load(&a->m, conf, subnet, err);
}

void agent_release(struct agent *a)
{
	machine_release(&a->m);
	free(a->state);
	free(a->run);
	free(a->conf);
	*a = (struct agent){0};
}

/* In a container (the nspawn engine) the kernel started long before the machine: its first process is the start. */
static uint64_t machine_start(void)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	unsigned long long ticks;
	if (!path_exists("/run/systemd/container"))
		return 0;
	_cleanup_free_ char *stat = path_read("/proc/1/stat", 4096, NULL, &ignored);
	const char *fields = stat ? strrchr(stat, ')') : NULL;
	/* field 22; the second one, before the bracket, may hold blanks */
	if (!fields || sscanf(fields + 1, " %*c" STAT_FIELDS_4_TO_21 " %llu", &ticks) != 1)
		return 0;
	return ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t agent_boot_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

uint64_t agent_ms(void)
{
	static _Atomic uint64_t start = UINT64_MAX;
	if (start == UINT64_MAX)
		start = machine_start();
	return agent_boot_ms() - start;
}

uint64_t agent_monotonic_ms(uint64_t usec)
{
	uint64_t ago = clock_ms(CLOCK_MONOTONIC) - usec / 1000, now = agent_ms();
	return ago < now ? now - ago : 0;
}

time_t agent_time(const struct agent *a)
{
	time_t now = a->now ? a->now : time(NULL);
	return now < (time_t)a->m.epoch ? (time_t)a->m.epoch : now;
}

void agent_sleep(uint64_t ms)
{
	struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

int agent_write(const char *path, const void *data, size_t len, unsigned mode, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path);
	if (path_mkdirs(dir, err) < 0 || path_write(path, data, len, (mode_t)mode, err) < 0)
		return -1;
	return path_sync_dir(dir, err);
}

int agent_publish(const char *path, const json_t *j, struct err *err)
{
	return agent_publish_mode(path, j, 0600, err);
}

int agent_publish_mode(const char *path, const json_t *j, unsigned mode, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(path), *text = json_compact(j);
	if (path_mkdirs(dir, err) < 0)
		return -1;
	_cleanup_free_ char *tmp = xasprintf("%s.%d", path, (int)getpid());
	_cleanup_fd_ int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
	if (fd < 0)
		return err_sys(err, errno, "%s", tmp);
	if (fd_write_all(fd, text, strlen(text)) < 0 || rename(tmp, path) < 0) {
		err_sys(err, errno, "%s", path);
		unlink(tmp);
		return -1;
	}
	return 0;
}

int agent_private_dirs(const struct agent *a, struct err *err)
{
	static const char *const names[] = {"secrets", "ca", "saved", "provision"};
	if (path_mkdirs(a->state, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *dir = path_join(a->state, names[i]);
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return err_sys(err, errno, "%s", dir);
	}
	return 0;
}

bool agent_id_ok(const char *id)
{
	if (!*id || *id == '/')
		return false;
	for (const char *p = id; *p;) {
		size_t n = strcspn(p, "/");
		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)p[i] <= 0x20 || p[i] == 0x7f)
				return false;
		p += n;
		if (*p == '/' && !*++p)
			return false;
	}
	return true;
}
