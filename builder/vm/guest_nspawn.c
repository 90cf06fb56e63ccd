/*
 * The nspawn engine: the same root and store, booted natively by systemd-nspawn(1). No firmware, loader, kernel, initrd
 * or verity: those are QEMU's to test. Needs root and loop devices.
 */
#include "base/mem.h"
#include "base/path.h"
#include "vm/guest.h"
#include "vm/interrupt.h"
#include "vm/nspawn_disks.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { END_MS = 20000 };

struct nspawn_guest {
	struct proc proc;
	bool mounted_root, mounted_store, mounted_var;
	int listener; /* the report's socket */
	struct lines report, console;
	struct nspawn_disks disks;
	char uuid[33]; /* the machine's id, as QEMU's -uuid would give it */
	enum vm_end end;
};

static char *in_dir(const struct guest *g, const char *name)
{
	return path_join(g->spec.dir, name);
}

/*
 * All is mounted in a mount namespace of kiln's own: however kiln ends, the kernel unmounts it and frees the loop
 * devices. What the host mounts and unmounts later is still seen (slave), and is not kept busy.
 */
static int own_mounts(struct err *err)
{
	static bool done;

	if (done)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		err_sys(err, errno, "make a mount namespace");
		return err_hint(err, "the nspawn engine needs the rights of root on the host, not only in a container");
	}
	done = true;
	return 0;
}

static int mount_file(const char *file, const char *at, const char *options, struct err *err)
{
	if (proc_run((const char *const[]){"mount", "-o", options, file, at, NULL}, NULL, err) == 0)
		return 0;
	return err_hint(err, "the nspawn engine needs root and loop devices (modprobe loop)");
}

static void unmount(const struct guest *g, const char *name, bool *mounted)
{
	_cleanup_free_ char *at = in_dir(g, name);

	if (*mounted && umount2(at, 0) < 0)
		(void)umount2(at, MNT_DETACH);
	*mounted = false;
}

static pid_t only_child(pid_t pid)
{
	char path[64], buf[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	pid = fgets(buf, sizeof buf, f) ? (pid_t)atoi(buf) : 0;
	fclose(f);
	return pid;
}

static int open_pid(pid_t pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* The machine's first process: nspawn's only child, and nspawn is that of unshare. 0 when there is none yet. */
static pid_t leader(const struct nspawn_guest *n)
{
	pid_t nspawn = only_child(n->proc.pid);

	return nspawn > 0 ? only_child(nspawn) : 0;
}

/*
 * The power cut: the machine's first process is killed, and with it the kernel ends all others. Only then is nothing
 * left that writes to its disk. nspawn then takes its mounts on the host away, and is given the time for it: one of
 * Debian 13 refuses to start a machine of which they are left.
 */
static void stop(struct nspawn_guest *n)
{
	_cleanup_fd_ int fd = open_pid(n->proc.pid > 0 ? leader(n) : 0), nspawn = open_pid(n->proc.pid);

	if (fd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		(void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, END_MS);
		if (nspawn >= 0)
			(void)poll(&(struct pollfd){.fd = nspawn, .events = POLLIN}, 1, END_MS);
	}
	proc_kill(&n->proc);
	lines_release(&n->report);
	n->end = VM_OFF;
}

static void release(struct guest *g)
{
	struct nspawn_guest *n = g->own;

	stop(n);
	lines_release(&n->console);
	if (n->listener >= 0)
		close(n->listener);
	unmount(g, "root/usr/lib/kiln/store", &n->mounted_store);
	unmount(g, "root", &n->mounted_root);
	unmount(g, "var", &n->mounted_var);
	nspawn_disks_release(&n->disks);
	free(n);
	g->own = NULL;
}

/* /var as the machine has it: ext4. It has the whole disk: the image's partitions are beside it. */
static int make_var(struct guest *g, struct nspawn_guest *n, struct err *err)
{
	_cleanup_free_ char *file = in_dir(g, "var.ext4"), *at = in_dir(g, "var");
	_cleanup_fd_ int fd = -1;
	const char *const mkfs[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-L", "var", file, NULL};

	if (path_remove(file, err) < 0)
		return -1;
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)g->spec.disk) < 0)
		return err_sys(err, errno, "make %s", file);
	if (proc_run(mkfs, NULL, err) < 0 || path_mkdirs(at, err) < 0 ||
		mount_file(file, at, "loop,nosuid,nodev", err) < 0)
		return -1;
	n->mounted_var = true;
	return 0;
}

/* "--bind=DIR/NAME:TARGET": a colon or backslash in a path of the host is written with a backslash before it. */
static char *bind_option(const struct guest *g, const char *name, const char *target)
{
	_cleanup_free_ char *from = in_dir(g, name);
	struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "--bind=");
	for (const char *p = from; *p; p++) {
		if (*p == ':' || *p == '\\')
			strbuf_addc(&b, '\\');
		strbuf_addc(&b, *p);
	}
	strbuf_addf(&b, ":%s", target);
	return strbuf_steal(&b);
}

static int listen_for_report(struct guest *g, struct nspawn_guest *n, struct err *err)
{
	_cleanup_free_ char *dir = in_dir(g, "report"), *path = path_join(dir, "socket");
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (n->listener >= 0)
		close(n->listener); /* with what the machine of before the start still had to say */
	n->listener = -1;
	if (path_mkdirs(dir, err) < 0 || path_remove(path, err) < 0)
		return -1;
	if (strlen(path) >= sizeof a.sun_path)
		return err_set(err, ERR_IO, "socket %s: the path is too long", path);
	memcpy(a.sun_path, path, strlen(path));
	n->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->listener < 0 || bind(n->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(n->listener, 8) < 0)
		return err_sys(err, errno, "listen on %s", path);
	return 0;
}

static int random_id(char id[33], struct err *err)
{
	uint8_t b[16];
	_cleanup_fd_ int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, b, sizeof b) != (ssize_t)sizeof b)
		return err_sys(err, errno, "read /dev/urandom");
	for (size_t i = 0; i < sizeof b; i++)
		snprintf(id + 2 * i, 3, "%02x", b[i]);
	return 0;
}

static int fresh(struct guest *g, struct err *err)
{
	_cleanup_free_ char *root = in_dir(g, "root"), *store = in_dir(g, "root/usr/lib/kiln/store");
	_cleanup_free_ char *log = in_dir(g, "console.log");

	if (geteuid() != 0) {
		err_set(err, ERR_TOOL, "the nspawn engine needs root: it mounts the image's file systems");
		return err_hint(err, "run as root, or use --engine qemu");
	}
	if (own_mounts(err) < 0)
		return -1;
	if (g->own)
		release(g);
	struct nspawn_guest *n = g->own = xcalloc(1, sizeof *n);
	n->listener = n->report.fd = n->console.fd = -1;
	n->end = VM_OFF;
	if (random_id(n->uuid, err) < 0 || path_remove(log, err) < 0 || path_mkdirs(root, err) < 0 ||
		mount_file(g->spec.root, root, "loop,ro", err) < 0)
		return -1;
	n->mounted_root = true;
	if (mount_file(g->spec.store, store, "loop,ro,nodev", err) < 0)
		return -1;
	n->mounted_store = true;
	return nspawn_disks_attach(&n->disks, g, err) < 0 ? -1 : make_var(g, n, err);
}

static int start(struct guest *g, struct err *err)
{
	struct nspawn_guest *n = g->own;
	_cleanup_free_ char *root = in_dir(g, "root"), *log = in_dir(g, "console.log");
	_cleanup_free_ char *uuid = xasprintf("--uuid=%s", n->uuid), *name = xasprintf("--machine=kiln-%.12s", n->uuid);
	_cleanup_free_ char *var = bind_option(g, "var", "/var");
	_cleanup_free_ char *report = bind_option(g, "report", "/run/kiln-report");
	_cleanup_fd_ int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	/* As process 1 of its namespace newer nspawn would tell its errors to the journal, where nobody looks. */
	const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
		"SYSTEMD_NSPAWN_LOCK=0", "SYSTEMD_LOG_TARGET=console", "LC_ALL=C.UTF-8", NULL};
	/*
	 * In a process namespace of its own: however kiln and nspawn end, the kernel ends the machine with them.
	 * (nspawn alone does not see to it when it is killed.)
	 */
	const char *const argv[] = {"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
		"unchanged", "systemd-nspawn", "--quiet", "-D", root, "--read-only", "--keep-unit", "--register=no",
		"--boot", "--private-network", "--capability=all", "--system-call-filter=@mount @keyring bpf",
		"--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=read-only",
		"--kill-signal=SIGRTMIN+4", uuid, name, var, report, NULL};
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;

	strvec_add_all(&all, argv);
	nspawn_disks_bind(&n->disks, g, &all);
	if (out < 0)
		return err_sys(err, errno, "open %s", log);
	if (n->console.fd < 0 && (n->console.fd = open(log, O_RDONLY | O_CLOEXEC)) < 0)
		return err_sys(err, errno, "open %s", log);
	lines_release(&n->report);
	if (listen_for_report(g, n, err) < 0)
		return -1;
	if (proc_start(&n->proc, (const char *const *)all.v, &(struct proc_opts){.env = env, .out = out}, err) < 0)
		return err_hint(err, "apt-get install systemd-container");
	free(n->proc.name); /* errors name who complains, not the wrapper */
	n->proc.name = xstrdup("systemd-nspawn");
	n->end = VM_RUNNING;
	return 0;
}

enum { NSPAWN_REBOOT = 133 };

static enum vm_end look(struct guest *g)
{
	struct nspawn_guest *n = g->own;
	siginfo_t info = {0};

	if (n->end != VM_RUNNING)
		return n->end;
	if (waitid(P_PID, (id_t)n->proc.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return VM_RUNNING;
	enum vm_end end = info.si_code == CLD_EXITED && info.si_status == 0		  ? VM_OFF
			  : info.si_code == CLD_EXITED && info.si_status == NSPAWN_REBOOT ? VM_REBOOT
											  : VM_GONE;
	_cleanup_err_ struct err said = ERR_INIT;
	(void)proc_wait(&n->proc, &said);
	if (end == VM_GONE)
		guest_gone(g, &said);
	n->end = end;
	return end;
}

static void cut(struct guest *g)
{
	stop(g->own);
}

static int button(struct guest *g, struct err *err)
{
	struct nspawn_guest *n = g->own;
	pid_t pid = leader(n);

	if (pid <= 0 || kill(pid, SIGRTMIN + 4) < 0)
		return err_set(err, ERR_TEST, "the machine is not running");
	return 0;
}

/*
 * As a scope of the machine's own systemd, so that it lives in the machine's control groups and not in ours. (A service
 * would need a message bus in the machine, which has none.)
 */
static int exec(
	struct guest *g, const char *const *argv, uint64_t timeout_ms, struct strbuf *out, int *status, struct err *err)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	pid_t pid = leader(g->own);

	if (pid <= 0)
		return err_set(err, ERR_TEST, "the machine is not running");
	strvec_addl(&v, "nsenter", "--all", "-t", NULL);
	strvec_addf(&v, "%d", (int)pid);
	strvec_addl(&v, "--", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LANG=C.UTF-8", "HOME=/root",
		"/usr/bin/systemd-run", "--quiet", "--scope", "--collect", "--", "/bin/sh", "-c",
		"\"$@\"; " GUEST_STATUS "", "sh", NULL);
	strvec_add_all(&v, argv);
	if (proc_run((const char *const *)v.v,
		    &(struct proc_opts){.capture = out,
			    .merge = true,
			    .timeout_ms = timeout_ms,
			    .stop = interrupt_came,
			    .ok_status = 1},
		    err) < 0)
		return -1;
	return guest_take_status(out, status, "run a command on the machine", err);
}

/* In the machine's network, as it has no other: its own loopback address leads to what it publishes. */
static int beside(struct guest *g, struct strvec *prefix, const char **address, struct err *err)
{
	pid_t pid = leader(g->own);

	if (pid <= 0)
		return err_set(err, ERR_TEST, "the machine is not running");
	strvec_addl(prefix, "nsenter", "-t", NULL);
	strvec_addf(prefix, "%d", (int)pid);
	/* In a process namespace of its own: what it leaves running ends with it. */
	strvec_addl(prefix, "--net", "--", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", NULL);
	*address = "127.0.0.1";
	return 0;
}

static const char *report_line(struct guest *g)
{
	struct nspawn_guest *n = g->own;
	_cleanup_err_ struct err ignored = ERR_INIT;

	if (n->report.eof)
		lines_release(&n->report);
	if (n->report.fd < 0) {
		n->report = (struct lines){.fd = accept4(n->listener, NULL, NULL, SOCK_CLOEXEC)};
		if (n->report.fd < 0)
			return NULL;
	}
	return lines_next(&n->report, 0, &ignored);
}

static const char *console_line(struct guest *g)
{
	struct nspawn_guest *n = g->own;
	_cleanup_err_ struct err ignored = ERR_INIT;

	return n->console.fd < 0 ? NULL : lines_next(&n->console, 0, &ignored);
}

const struct guest_engine guest_nspawn = {
	.name = "nspawn",
	.fresh = fresh,
	.start = start,
	.look = look,
	.cut = cut,
	.button = button,
	.exec = exec,
	.beside = beside,
	.report_line = report_line,
	.console_line = console_line,
	.release = release,
};
