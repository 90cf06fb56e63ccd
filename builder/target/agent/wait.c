/* `wait CONTAINER [PID [TIMEOUT-MS]]`: blocks until the container is healthy; its unit's ExecStartPost. */
#include "base/json.h"
#include "base/path.h"
#include "target/agent/patience.h"
#include "target/agent/probe.h"
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleep, but wake when the process behind pidfd ends. False when it has ended. */
static bool sleep_while_alive(int pidfd, uint64_t ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return poll(&p, 1, (int)ms) <= 0;
}

/* Start and health of this start, for the breakdown of the boot. */
static void note_times(const struct agent *a, const char *name, uint64_t begun)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/started/%s.json", a->run, name);
	_cleanup_json_ json_t *j =
		json_pack("{s:I, s:I}", "started_ms", (json_int_t)begun, "healthy_ms", (json_int_t)agent_ms());
	agent_publish(path, j, &ignored);
}

/*
 * It probes by itself rather than reading what `watch` wrote: that may be about the container's previous life.
 * Probes come quickly at first, then slow down to the container's own interval.
 */
static int wait_healthy(const struct agent *a, const struct container *c, int pidfd, uint64_t timeout, struct err *err)
{
	uint64_t begun = agent_ms(), counted = patience_ms();
	uint64_t pause = c->health.kind == PROBE_EXEC ? 1000 : 200;
	for (;;) {
		_cleanup_err_ struct err why = ERR_INIT;
		if (!sleep_while_alive(pidfd, 0))
			return err_set(err, ERR_TOOL, "%s ended before it was healthy", c->name);
		if (probe(c, &why) == 0) {
			note_times(a, c->name, begun);
			return 0;
		}
		uint64_t used = patience_ms() - counted;
		if (used >= timeout)
			return err_set(err, ERR_TEST, "%s is not healthy after %llu s: %s", c->name,
				(unsigned long long)((agent_ms() - begun) / 1000), why.msg);
		if (pause > timeout - used)
			pause = timeout - used;
		if (!sleep_while_alive(pidfd, pause))
			return err_set(err, ERR_TOOL, "%s ended before it was healthy: %s", c->name, why.msg);
		pause = pause * 3 / 2 < c->health.interval_ms ? pause * 3 / 2 : c->health.interval_ms;
	}
}

int cmd_wait(struct agent *a, int argc, char **argv, struct err *err)
{
	uint64_t pid = 0, timeout;
	const struct container *c = argc > 1 ? machine_container(&a->m, argv[1]) : NULL;
	if (!c)
		return err_set(err, ERR_USAGE, "wait CONTAINER [PID [TIMEOUT-MS]]: no container \"%s\"",
			argc > 1 ? argv[1] : "");
	timeout = c->health.start_ms;
	if ((argc > 2 && (!str_to_u64(argv[2], &pid) || pid > INT32_MAX)) ||
		(argc > 3 && !str_to_u64(argv[3], &timeout)))
		return err_set(err, ERR_USAGE, "wait CONTAINER [PID [TIMEOUT-MS]]: not a number");
	_cleanup_fd_ int pidfd = pid ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	if (pid && pidfd < 0)
		return errno == ESRCH ? err_set(err, ERR_TOOL, "%s ended before it was healthy", c->name)
				      : err_sys(err, errno, "process %s", argv[2]);
	return wait_healthy(a, c, pidfd, timeout, err);
}
