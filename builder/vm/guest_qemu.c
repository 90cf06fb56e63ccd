/* The QEMU engine. Commands reach the machine by ssh, with a key made for this machine and given to it as a credential.
 */
#include "base/mem.h"
#include "base/path.h"
#include "vm/guest.h"
#include "vm/interrupt.h"
#include "vm/partition.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct qemu_guest {
	struct vm vm;
	struct vm_forward *forwards; /* ssh, then the guest's ports */
	char *key;		     /* private key file */
	char *credential;
	const char *credentials[2];
	struct strvec disks; /* files */
};

/*
 * Free ports of the loopback address for all of them; held until each has one, so that none is given twice. Another
 * program may take one before QEMU does: QEMU then says so.
 */
static int choose_ports(struct vm_forward *f, struct err *err)
{
	_cleanup_free_ int *held = NULL;
	size_t n = 0;
	int r = 0;

	for (; r == 0 && f->guest; f++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t len = sizeof a;
		held = xreallocarray(held, n + 1, sizeof *held);
		int fd = held[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
			getsockname(fd, (struct sockaddr *)&a, &len) < 0)
			r = err_sys(err, errno, "find a free port");
		n += fd >= 0;
		f->host = ntohs(a.sin_port);
	}
	while (n)
		close(held[--n]);
	return r;
}

static int make_key(struct qemu_guest *q, const char *dir, struct err *err)
{
	size_t len;

	q->key = path_join(dir, "ssh-key");
	_cleanup_free_ char *pub = xasprintf("%s.pub", q->key);
	const char *const argv[] = {
		"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kiln-test", "-f", q->key, NULL};
	if (path_remove(q->key, err) < 0 || path_remove(pub, err) < 0)
		return -1;
	if (proc_run(argv, NULL, err) < 0)
		return err_hint(err, "apt-get install openssh-client");
	_cleanup_free_ char *text = path_read(pub, 4096, &len, err);
	if (!text)
		return -1;
	while (len && text[len - 1] == '\n')
		text[--len] = 0;
	q->credential = xasprintf("io.systemd.credential:ssh.authorized_keys.root=%s", text);
	q->credentials[0] = q->credential;
	return 0;
}

static void release(struct guest *g)
{
	struct qemu_guest *q = g->own;

	vm_release(&q->vm);
	strvec_release(&q->disks);
	free(q->forwards);
	free(q->key);
	free(q->credential);
	free(q);
	g->own = NULL;
}

static int fresh(struct guest *g, struct err *err)
{
	const char *accel = NULL;
	_cleanup_free_ char *log = path_join(g->spec.dir, "console.log");

	if (g->own) {
		accel = ((struct qemu_guest *)g->own)->vm.accel;
		release(g);
	}
	struct qemu_guest *q = g->own = xcalloc(1, sizeof *q);
	size_t n = 0;
	q->vm.qmp.io.fd = q->vm.report.fd = q->vm.console.fd = -1; /* until it is made */
	while (g->ports[n].guest)
		n++;
	q->forwards = xcalloc(n + 2, sizeof *q->forwards);
	q->forwards[0].guest = 22;
	memcpy(q->forwards + 1, g->ports, n * sizeof *g->ports);
	struct vm_spec spec = {.dir = g->spec.dir,
		.image = g->spec.image,
		.arch = g->spec.arch,
		.memory = g->spec.memory,
		.disk = g->spec.disk,
		.cpus = g->spec.cpus,
		.nic = g->spec.nic,
		.forwards = q->forwards,
		.clock = g->spec.clock,
		.credentials = q->credentials};
	for (const struct guest_disk *d = g->spec.disks; d && d->label; d++) {
		char *file = guest_disk_file(g, d, err);
		if (!file)
			return -1;
		strvec_take(&q->disks, file);
	}
	spec.disks = (const char *const *)q->disks.v;
	if (path_remove(log, err) < 0 || choose_ports(q->forwards, err) < 0 || make_key(q, g->spec.dir, err) < 0 ||
		vm_create(&q->vm, &spec, err) < 0)
		return -1;
	memcpy(g->ports, q->forwards + 1, n * sizeof *g->ports);
	q->vm.accel = accel ? accel : vm_accel(g->spec.kernel, g->spec.accel_cache);
	return 0;
}

static int start(struct guest *g, struct err *err)
{
	return vm_start(&((struct qemu_guest *)g->own)->vm, err);
}

static enum vm_end look(struct guest *g)
{
	struct vm *vm = &((struct qemu_guest *)g->own)->vm;
	enum vm_end end = vm_look(vm);

	if (end == VM_GONE)
		guest_gone(g, &vm->said);
	return end;
}

static void cut(struct guest *g)
{
	vm_cut(&((struct qemu_guest *)g->own)->vm);
}

static int button(struct guest *g, struct err *err)
{
	return vm_button(&((struct qemu_guest *)g->own)->vm, err);
}

char *guest_qemu_ssh(const struct guest *g)
{
	const struct qemu_guest *q = g->own;

	return xasprintf("ssh -i %s -p %u -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1",
		q->key, q->forwards[0].host);
}

/* ssh hands a command line to the machine's shell: each word in single quotes. */
static void quote(struct strbuf *b, const char *word)
{
	strbuf_addc(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			strbuf_adds(b, "'\\''");
		else
			strbuf_addc(b, *word);
	}
	strbuf_addc(b, '\'');
}

enum { SSH_FAILED = 255 };

static int exec(
	struct guest *g, const char *const *argv, uint64_t timeout_ms, struct strbuf *out, int *status, struct err *err)
{
	struct qemu_guest *q = g->own;
	_cleanup_free_ char *port = xasprintf("%u", q->forwards[0].host);
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	if (!g->spec.nic)
		return err_set(err, ERR_TEST, "a machine without network cannot be reached for commands");
	for (; *argv; argv++) {
		if (line.len)
			strbuf_addc(&line, ' ');
		quote(&line, *argv);
	}
	/* The exit status comes last, so that any status of the command can be told from ssh's own. */
	strbuf_adds(&line, "; " GUEST_STATUS "");
	const char *const ssh[] = {"ssh", "-F", "none", "-i", q->key, "-p", port, "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o",
		"ConnectTimeout=20", "root@127.0.0.1", line.s, NULL};
	struct proc_opts opts = {.capture = out,
		.merge = true,
		.timeout_ms = timeout_ms,
		.stop = interrupt_came,
		.ok_status = SSH_FAILED};
	int r = proc_run(ssh, &opts, err);
	if (r < 0)
		return -1;
	return guest_take_status(out, status, "ssh to the machine", err);
}

/* QEMU forwards the ports to this host's loopback address, so here; in a process namespace of its own, as nspawn's. */
static int beside(struct guest *g, struct strvec *prefix, const char **address, struct err *err)
{
	if (look(g) != VM_RUNNING)
		return err_set(err, ERR_TEST, "the machine is not running");
	if (!g->spec.nic)
		return err_set(err, ERR_TEST, "a machine without network publishes nothing");
	strvec_add(prefix, "unshare");
	if (geteuid() != 0)
		strvec_addl(prefix, "--user", "--map-current-user", NULL);
	strvec_addl(prefix, "--pid", "--fork", "--kill-child", "--mount-proc", "--", NULL);
	*address = "127.0.0.1";
	return 0;
}

static int screenshot(struct guest *g, const char *path, struct err *err)
{
	return vm_screenshot(&((struct qemu_guest *)g->own)->vm, path, err);
}

static int corrupt(struct guest *g, const char *partition, struct err *err)
{
	struct qemu_guest *q = g->own;
	_cleanup_free_ char *disk = path_join(g->spec.dir, "disk.raw");
	struct partition_place p;

	if (partition_find(disk, partition, &p, err) < 0)
		return -1;
	/* The start, where the file system describes itself, and a stretch in the middle of the first 64 MiB. */
	uint64_t middle = p.size / 2 < (32u << 20) ? p.size / 2 : 32u << 20;
	return vm_corrupt(&q->vm, p.offset, 4096, err) < 0 ? -1 : vm_corrupt(&q->vm, p.offset + middle, 65536, err);
}

static const char *next_line(struct lines *l)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* a broken channel ends like a closed one */

	return l->fd < 0 ? NULL : lines_next(l, 0, &ignored);
}

static const char *report_line(struct guest *g)
{
	return next_line(&((struct qemu_guest *)g->own)->vm.report);
}

static const char *console_line(struct guest *g)
{
	return next_line(&((struct qemu_guest *)g->own)->vm.console);
}

/*
 * With a thread for each processor TCG runs stale instructions now and then, when a kernel changes its own code (static
 * keys, at any time): it meets a breakpoint that is no longer there. Seen with QEMU 7.2 and 10.0, once in some hundred
 * boots. One thread for all processors (thread=single) does not, and takes twice as long.
 */
static const char *fault(const struct guest *g, const char *console)
{
	const struct qemu_guest *q = g->own;
	return str_eq(q->vm.accel, "tcg") && strstr(console, "int3: 0000 [#")
		       ? "QEMU's emulation ran stale instructions (\"int3\" on the console)"
		       : NULL;
}

const struct guest_engine guest_qemu = {
	.name = "qemu",
	.fresh = fresh,
	.start = start,
	.look = look,
	.cut = cut,
	.button = button,
	.exec = exec,
	.beside = beside,
	.screenshot = screenshot,
	.corrupt = corrupt,
	.report_line = report_line,
	.console_line = console_line,
	.fault = fault,
	.release = release,
};
