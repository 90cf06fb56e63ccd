#include "base/proc.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAIL_LINES = 20, TAIL_BYTES = 8192 };

char *proc_which(const char *name)
{
	const char *env = getenv("PATH");
	_cleanup_free_ char *search = xasprintf("%s:/usr/sbin:/sbin", env ? env : "/usr/bin:/bin");
	_cleanup_strvec_ struct strvec dirs = STRVEC_INIT;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	str_split(&dirs, search, ":");
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *p = path_join(dirs.v[i], name);
		if (access(p, X_OK) == 0)
			return steal(p);
	}
	return NULL;
}

static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER;

void proc_fork_lock(void)
{
	pthread_mutex_lock(&fork_lock);
}

void proc_fork_unlock(void)
{
	pthread_mutex_unlock(&fork_lock);
}

void proc_fork_forget(void)
{
	fork_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

static bool kept(int fd, const int *keep)
{
	for (; keep && *keep >= 0; keep++)
		if (*keep == fd)
			return true;
	return false;
}

void proc_close_others(const int *keep)
{
	unsigned from = 3;
	int next;

	do {
		next = -1;
		for (const int *k = keep; k && *k >= 0; k++)
			if ((unsigned)*k >= from && (next < 0 || *k < next))
				next = *k;
		unsigned to = next < 0 ? ~0u : (unsigned)next - 1;
		if (to >= from)
			(void)syscall(SYS_close_range, from, to, 0);
		from = (unsigned)next + 1;
	} while (next >= 0);
	for (const int *k = keep; k && *k >= 0; k++)
		(void)fcntl(*k, F_SETFD, 0);
}

struct child_fds {
	int in, out, err, status;
};

/* Between fork and exec: async-signal-safe calls only. Tells errno through fds->status when exec fails. */
static _Noreturn void child(
	const char *path, const char *const *argv, const struct proc_opts *o, const struct child_fds *fds, pid_t parent)
{
	int *keep = (int[]){-1};
	sigset_t none;
	int e = 0;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (dup2(fds->in, 0) < 0 || dup2(fds->out, 1) < 0 || dup2(fds->err, 2) < 0 || (o->cwd && chdir(o->cwd) < 0))
		e = errno;
	if (!e) {
		/* The status pipe is close-on-exec and must survive until then: keep it beside the caller's. */
		size_t n = 0;
		while (o->keep && o->keep[n] >= 0)
			n++;
		keep = __builtin_alloca((n + 2) * sizeof *keep);
		for (size_t i = 0; i < n; i++)
			keep[i] = o->keep[i];
		keep[n] = fds->status;
		keep[n + 1] = -1;
		proc_close_others(keep);
		if (!kept(fds->status, o->keep))
			(void)fcntl(fds->status, F_SETFD, FD_CLOEXEC);
		execve(path, (char *const *)argv, o->env ? (char *const *)o->env : environ);
		e = errno;
	}
	(void)!write(fds->status, &e, sizeof e);
	_exit(127);
}

/* Fork and exec, under the lock; returns the pid or -1. The three descriptors stay the caller's. */
static pid_t spawn(const char *const *argv, const struct proc_opts *o, int in, int out, int err_fd, struct err *err)
{
	_cleanup_free_ char *path = proc_which(argv[0]);
	if (!path) {
		err_set(err, ERR_TOOL, "%s: program not found", argv[0]);
		return -1;
	}
	int status[2];
	if (pipe2(status, O_CLOEXEC) < 0) {
		err_sys(err, errno, "start %s", argv[0]);
		return -1;
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		child(path, argv, o, &(struct child_fds){in, out, err_fd, status[1]}, parent);
	int fork_errno = errno, e = 0;
	close(status[1]);
	ssize_t n = pid > 0 ? read(status[0], &e, sizeof e) : 0;
	close(status[0]);
	if (pid < 0) {
		err_sys(err, fork_errno, "start %s", argv[0]);
		return -1;
	}
	if (n == (ssize_t)sizeof e) {
		waitpid(pid, NULL, 0);
		err_sys(err, e, "start %s", argv[0]);
		err->kind = ERR_TOOL;
		return -1;
	}
	return pid;
}

/* The last lines of what a program said, each indented, for the error text. */
static char *tail_of(const char *text, size_t len)
{
	struct strbuf b = STRBUF_INIT;
	const char *end = text + len, *p;
	unsigned lines = 0;

	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	for (p = end; p > text; p--)
		if (p[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		strbuf_adds(&b, "\n    ");
		strbuf_add(&b, p, (size_t)(stop - p));
		p = nl ? nl + 1 : end;
	}
	return strbuf_steal(&b);
}

static int verdict(const char *name, int status, int ok_status, const char *said, size_t said_len, struct err *err)
{
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == ok_status))
		return WEXITSTATUS(status);
	_cleanup_free_ char *tail = tail_of(said, said_len);
	const char *colon = *tail ? ":" : "";
	if (WIFSIGNALED(status))
		return err_set(err, ERR_TOOL, "%s was ended by signal %d (%s)%s%s", name, WTERMSIG(status),
			strsignal(WTERMSIG(status)), colon, tail);
	return err_set(err, ERR_TOOL, "%s failed with exit status %d%s%s", name, WEXITSTATUS(status), colon, tail);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct stream {
	int fd;		     /* read end, -1 when closed */
	struct strbuf *to;   /* whole output, or ... */
	struct strbuf *tail; /* ... only the end of it */
};

/* One read from a child's stream; closes it at the end. */
static void drain(struct stream *s, int logfd)
{
	char buf[16384];
	ssize_t n = read(s->fd, buf, sizeof buf);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
		return;
	}
	if (logfd >= 0)
		(void)fd_write_all(logfd, buf, (size_t)n);
	if (s->to)
		strbuf_add(s->to, buf, (size_t)n);
	if (s->tail) {
		strbuf_add(s->tail, buf, (size_t)n);
		if (s->tail->len > 4 * TAIL_BYTES) {
			size_t cut = s->tail->len - TAIL_BYTES;
			memmove(s->tail->s, s->tail->s + cut, TAIL_BYTES);
			s->tail->len = TAIL_BYTES;
			s->tail->s[TAIL_BYTES] = 0;
		}
	}
}

enum { STOP_MS = 200 };

/* Read both streams to their end. False when the time is up, or `stop` (may be NULL) says so. */
static bool collect(struct stream *s, int logfd, uint64_t timeout_ms, bool (*stop)(void))
{
	uint64_t end = timeout_ms ? now_ms() + timeout_ms : 0;

	while (s[0].fd >= 0 || s[1].fd >= 0) {
		struct pollfd p[2] = {{.fd = s[0].fd, .events = POLLIN}, {.fd = s[1].fd, .events = POLLIN}};
		int wait = stop ? STOP_MS : -1;
		if (stop && stop())
			return false;
		if (end) {
			uint64_t t = now_ms();
			if (t >= end)
				return false;
			int most = stop ? STOP_MS : 60000;
			wait = end - t > (uint64_t)most ? most : (int)(end - t);
		}
		if (poll(p, 2, wait) < 0 && errno != EINTR)
			return true;
		for (int i = 0; i < 2; i++)
			if (s[i].fd >= 0 && p[i].revents)
				drain(&s[i], logfd);
	}
	return true;
}

static bool wait_until(pid_t pid, int *status, uint64_t timeout_ms)
{
	if (!timeout_ms)
		return waitpid(pid, status, 0) == pid;
	for (uint64_t end = now_ms() + timeout_ms; now_ms() < end; usleep(5000))
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
	return false;
}

int proc_run(const char *const *argv, const struct proc_opts *opts, struct err *err)
{
	static const struct proc_opts none;
	const struct proc_opts *o = opts ? opts : &none;
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT;
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), opened = -1;
	int logfd = o->log_fd ? o->log_fd : -1, out[2] = {-1, -1}, errp[2] = {-1, -1};

	if (null < 0)
		return err_sys(err, errno, "open /dev/null");
	if (o->log && (logfd = opened = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
		return err_sys(err, errno, "open log %s", o->log);
	proc_fork_lock();
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errp, O_CLOEXEC) < 0) {
		int e = errno;
		proc_fork_unlock();
		return err_sys(err, e, "start %s", argv[0]);
	}
	int child_out = o->out ? o->out : out[1];
	int child_err = o->merge ? child_out : errp[1];
	pid_t pid = spawn(argv, o, o->in ? o->in : null, child_out, child_err, err);
	close(out[1]);
	close(errp[1]);
	proc_fork_unlock();
	struct stream s[2] = {
		{.fd = out[0], .to = o->capture, .tail = o->capture ? NULL : &tail},
		{.fd = errp[0], .to = o->capture_err, .tail = o->capture_err ? NULL : &tail},
	};
	if (pid < 0) {
		close(out[0]);
		close(errp[0]);
		return -1;
	}
	uint64_t begun = now_ms();
	int status = 0;
	bool in_time = collect(s, logfd, o->timeout_ms, o->stop);
	if (in_time && o->timeout_ms) {
		uint64_t used = now_ms() - begun;
		in_time = wait_until(pid, &status, used < o->timeout_ms ? o->timeout_ms - used : 1);
	}
	if (!in_time)
		kill(pid, SIGKILL);
	for (int i = 0; i < 2; i++)
		if (s[i].fd >= 0)
			close(s[i].fd);
	if (!in_time || !o->timeout_ms)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (!in_time && o->stop && o->stop())
		return err_set(err, ERR_TOOL, "%s was stopped", argv[0]);
	if (!in_time)
		return err_set(err, ERR_TOOL, "%s did not end within %.1f s and was stopped", argv[0],
			(double)o->timeout_ms / 1000);
	const struct strbuf *said = o->capture_err && !tail.len ? o->capture_err : &tail;
	if (o->merge && o->capture)
		said = o->capture;
	return verdict(argv[0], status, o->ok_status, strbuf_cstr(said), said->len, err);
}

int proc_start(struct proc *p, const char *const *argv, const struct proc_opts *opts, struct err *err)
{
	static const struct proc_opts none;
	const struct proc_opts *o = opts ? opts : &none;
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int said = memfd_create("stderr", MFD_CLOEXEC);

	if (null < 0 || said < 0)
		return err_sys(err, errno, "start %s", argv[0]);
	(void)fcntl(said, F_SETFL, O_APPEND);
	proc_fork_lock();
	pid_t pid = spawn(argv, o, o->in ? o->in : null, o->out ? o->out : said, said, err);
	proc_fork_unlock();
	if (pid < 0)
		return -1;
	*p = (struct proc){.pid = pid, .name = xstrdup(argv[0]), .err_fd = steal_fd(&said)};
	return 0;
}

static void proc_release(struct proc *p)
{
	free(p->name);
	if (p->err_fd > 0)
		close(p->err_fd);
	*p = (struct proc){0};
}

int proc_wait(struct proc *p, struct err *err)
{
	char buf[TAIL_BYTES];
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	off_t size = lseek(p->err_fd, 0, SEEK_END);
	ssize_t n = pread(p->err_fd, buf, sizeof buf, size > (off_t)sizeof buf ? size - (off_t)sizeof buf : 0);
	int r = verdict(p->name, status, 0, buf, n > 0 ? (size_t)n : 0, err);
	proc_release(p);
	return r;
}

void proc_kill(struct proc *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	proc_release(p);
}
