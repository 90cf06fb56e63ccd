#include "tree/namespace.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/vec.h"
#include "tree/idmap.h"
#include "tree/view.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Three processes: kiln; a child of it that makes the namespaces and waits; and process 1 of the new process
 * namespace, which does the work. Each has a death signal on its parent, and the kernel ends everything in the
 * namespace with its process 1: nothing outlives the call.
 */
struct job {
	const struct ns_opts *opts; /* NULL: the host's root */
	int (*fn)(void *arg, struct err *err);
	void *arg;
	const int *keep;		      /* descriptors for the program, ended by -1; NULL: all stay open */
	struct strbuf *capture, *capture_err; /* sent back with the verdict */
};

/* The verdict, as process 1 sends it. */
struct reply {
	int rc, kind, sys;
	uint64_t lens[4]; /* msg, hint, capture, capture_err */
	bool has_hint;
};

static void send_reply(int fd, const struct job *j, int rc, const struct err *e)
{
	static const struct strbuf empty;
	const struct strbuf *c = j->capture ? j->capture : &empty, *ce = j->capture_err ? j->capture_err : &empty;
	const char *parts[4] = {e->msg ? e->msg : "", e->hint ? e->hint : "", strbuf_cstr(c), strbuf_cstr(ce)};
	struct reply r = {.rc = rc, .kind = (int)e->kind, .sys = e->sys, .has_hint = e->hint != NULL};

	r.lens[0] = strlen(parts[0]);
	r.lens[1] = strlen(parts[1]);
	r.lens[2] = c->len;
	r.lens[3] = ce->len;
	(void)fd_write_all(fd, &r, sizeof r);
	for (size_t i = 0; i < 4; i++)
		(void)fd_write_all(fd, parts[i], r.lens[i]);
}

static bool read_all(int fd, void *data, size_t n)
{
	for (char *p = data; n;) {
		ssize_t got = read(fd, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

/* Reads the verdict; `ended` is set when the far end closed without one. */
static int receive_reply(int fd, const struct job *j, bool *ended, struct err *err)
{
	struct reply r;

	*ended = !read_all(fd, &r, sizeof r);
	if (*ended)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		_cleanup_free_ char *text = xcalloc(r.lens[i] + 1, 1);
		if (!read_all(fd, text, r.lens[i])) {
			*ended = true;
			return -1;
		}
		if (i == 0 && r.rc < 0) {
			err_set(err, (enum err_kind)r.kind, "%s", text);
			err->sys = r.sys;
		} else if (i == 1 && r.rc < 0 && r.has_hint) {
			err_hint(err, "%s", text);
		} else if (i == 2 && j->capture) {
			strbuf_add(j->capture, text, r.lens[i]);
		} else if (i == 3 && j->capture_err) {
			strbuf_add(j->capture_err, text, r.lens[i]);
		}
	}
	return r.rc;
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFFLAGS, &ifr); /* a convenience: tests of some packages talk to themselves */
}

/* Nothing of the caller's environment comes along into a root of its own. */
static void clean_environment(uint64_t epoch)
{
	struct strvec env = STRVEC_INIT;

	ns_environment(&env, epoch);
	clearenv();
	for (size_t i = 0; i < env.n; i++)
		putenv(env.v[i]); /* the environment owns them now */
}

/* Process 1. */
static _Noreturn void stage_two(const struct job *j, int reply)
{
	struct err e = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Not dumpable: programs inside cannot reach kiln's memory, nor its descriptors by /proc/1. */
	prctl(PR_SET_DUMPABLE, 0);
	setsid();
	umask(022);
	loopback_up();
	int rc = view_enter(j->opts, &e);
	if (rc == 0 && j->opts && j->opts->no_sync)
		rc = view_no_sync(&e);
	if (rc == 0 && j->opts)
		clean_environment(j->opts->epoch);
	/* Programs that are started here cannot mount, nor unmount what covers /proc/sys; this process still can. */
	if (rc == 0 && j->opts && prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) < 0)
		rc = err_sys(&e, errno, "drop a capability");
	if (rc == 0)
		rc = j->fn(j->arg, &e);
	send_reply(reply, j, rc, &e);
	_exit(0);
}

static int become_root(struct err *err)
{
	static const char name[] = "localhost"; /* of no host, and one that resolves without network */

	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "become root in a user namespace");
	if (sethostname(name, sizeof name - 1) < 0)
		return err_sys(err, errno, "set the host name of a namespace");
	return 0;
}

/* Make the namespaces, wait until the ids are mapped, start process 1, wait for it. */
static _Noreturn void stage_one(const struct job *j, int sync, int reply, pid_t parent)
{
	struct err e = ERR_INIT;
	char go = 0;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (j->keep) {
		VEC(int) keep = {0};
		for (const int *k = j->keep; *k >= 0; k++)
			vec_push(&keep, *k);
		vec_push(&keep, sync);
		vec_push(&keep, reply);
		vec_push(&keep, -1);
		proc_close_others(keep.v);
		vec_release(&keep);
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
		err_sys(&e, errno, "make a user namespace");
		idmap_explain(&e);
		send_reply(reply, j, -1, &e);
		_exit(1);
	}
	if (write(sync, "r", 1) != 1 || read(sync, &go, 1) != 1)
		_exit(1); /* kiln has the reason */
	close(sync);
	if (become_root(&e) < 0) {
		send_reply(reply, j, -1, &e);
		_exit(1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* the change of ids cleared it */
	pid_t pid = fork();
	if (pid == 0)
		stage_two(j, reply);
	if (pid < 0) {
		err_sys(&e, errno, "start a process in a namespace");
		send_reply(reply, j, -1, &e);
		_exit(1);
	}
	close(reply);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* The child is in its namespaces: map the ids and let it go on. */
static int let_go(pid_t pid, int sync, struct err *err)
{
	char ready = 0;

	if (!read_all(sync, &ready, 1))
		return 0; /* it failed, and its reply says why */
	if (idmap_write(pid, err) < 0)
		return -1;
	(void)!write(sync, "g", 1);
	return 0;
}

static int run_job(const struct job *j, struct err *err)
{
	int sync[2], reply[2];

	proc_fork_lock();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0) {
		err_sys(err, errno, "start a namespace");
		proc_fork_unlock();
		return -1;
	}
	if (pipe2(reply, O_CLOEXEC) < 0) {
		err_sys(err, errno, "start a namespace");
		proc_fork_unlock();
		close(sync[0]);
		close(sync[1]);
		return -1;
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		proc_fork_forget();
		close(sync[0]);
		close(reply[0]);
		stage_one(j, sync[1], reply[1], parent);
	}
	int fork_errno = errno, status = 0;
	close(sync[1]);
	close(reply[1]);
	proc_fork_unlock();
	int mapped = pid < 0 ? -1 : let_go(pid, sync[0], err);
	close(sync[0]);
	bool ended = false;
	int rc = mapped == 0 ? receive_reply(reply[0], j, &ended, err) : -1;
	close(reply[0]);
	if (pid < 0)
		return err_sys(err, fork_errno, "start a namespace");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (mapped == 0 && ended)
		return err_set(err, ERR_TOOL, "work in a namespace ended without a result (status %d)",
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return rc;
}

struct program {
	const struct ns_opts *opts;
	const char *const *argv;
	struct proc_opts proc;
};

static int run_program(void *arg, struct err *err)
{
	struct program *p = arg;

	return proc_run(p->argv, &p->proc, err);
}

void ns_environment(struct strvec *to, uint64_t epoch)
{
	strvec_addl(to, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
		"HOME=/root", NULL);
	if (epoch)
		strvec_addf(to, "SOURCE_DATE_EPOCH=%llu", (unsigned long long)epoch);
}

int ns_run(const struct ns_opts *opts, const char *const *argv, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, out_err = STRBUF_INIT;
	_cleanup_fd_ int logfd = -1;
	struct program p = {.opts = opts, .argv = argv, .proc = opts->proc};
	VEC(int) keep = {0};

	p.proc.env = opts->env; /* NULL: the clean one of process 1 */
	p.proc.cwd = opts->cwd ? opts->cwd : "/";
	if (opts->proc.log) { /* its path means nothing inside */
		logfd = open(opts->proc.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (logfd < 0)
			return err_sys(err, errno, "open log %s", opts->proc.log);
		p.proc.log = NULL;
		p.proc.log_fd = logfd;
	}
	for (const int *k = opts->proc.keep; k && *k >= 0; k++)
		vec_push(&keep, *k);
	for (size_t i = 0; i < 3; i++) {
		int fd = i == 0 ? p.proc.in : i == 1 ? p.proc.out : p.proc.log_fd;
		if (fd > 2)
			vec_push(&keep, fd);
	}
	vec_push(&keep, -1);
	/* The child fills buffers of its own copy of this memory; they come back with the verdict. */
	struct job j = {.opts = opts, .fn = run_program, .arg = &p, .keep = keep.v};
	p.proc.capture = opts->proc.capture ? &out : NULL;
	p.proc.capture_err = opts->proc.capture_err ? &out_err : NULL;
	j.capture = p.proc.capture;
	j.capture_err = p.proc.capture_err;
	int rc = run_job(&j, err);
	if (opts->proc.capture)
		strbuf_add(opts->proc.capture, strbuf_cstr(&out), out.len);
	if (opts->proc.capture_err)
		strbuf_add(opts->proc.capture_err, strbuf_cstr(&out_err), out_err.len);
	vec_release(&keep);
	return rc;
}

int ns_call_in(const struct ns_opts *opts, int (*fn)(void *arg, struct err *err), void *arg, struct err *err)
{
	return run_job(&(struct job){.opts = opts, .fn = fn, .arg = arg}, err);
}

int ns_call(int (*fn)(void *arg, struct err *err), void *arg, struct err *err)
{
	return ns_call_in(NULL, fn, arg, err);
}

static int remove_tree(void *arg, struct err *err)
{
	return path_remove(arg, err);
}

int ns_remove(const char *path, struct err *err)
{
	return ns_call(remove_tree, (void *)path, err);
}

/* What every build does: mounts, an overlay, ids beyond the first. */
static int try_mounts(void *arg, struct err *err)
{
	(void)arg;
	if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0 || mkdir("/tmp/lower", 0755) < 0 ||
		mkdir("/tmp/upper", 0755) < 0 || mkdir("/tmp/work", 0755) < 0 || mkdir("/tmp/root", 0755) < 0) {
		err_sys(err, errno, "mount in a user namespace");
		idmap_explain(err);
		return -1;
	}
	if (mount("overlay", "/tmp/root", "overlay", 0,
		    "userxattr,lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work") < 0) {
		err_sys(err, errno, "mount an overlay in a user namespace");
		return err_hint(err, "this needs Linux 5.11 or newer with overlayfs");
	}
	if (chown("/tmp/root", 65534, 65534) < 0)
		return err_sys(err, errno, "change an owner in a user namespace");
	return 0;
}

int ns_check(struct err *err)
{
	if (ns_call(try_mounts, NULL, err) < 0)
		return err_wrap(err, "user namespaces do not work here");
	return 0;
}
