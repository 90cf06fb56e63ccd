#include "vm/machine.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "vm/arch.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, END_MS = 20000 };

static char *in_dir(const struct vm *vm, const char *name)
{
	return path_join(vm->spec.dir, name);
}

int vm_create(struct vm *vm, const struct vm_spec *spec, struct err *err)
{
	*vm = (struct vm){.spec = *spec, .qmp.io.fd = -1, .report.fd = -1, .console.fd = -1, .end = VM_OFF};
	const struct vm_arch *arch = vm_arch_find(spec->arch, err);
	if (!arch)
		return -1;
	_cleanup_free_ char *disk = in_dir(vm, "disk.raw"), *vars = in_dir(vm, "vars.fd");
	if (path_copy(spec->image, disk, 0600, err) < 0 || path_copy(arch->vars, vars, 0600, err) < 0)
		return err_wrap(err, "prepare a machine");
	struct stat st;
	if (stat(disk, &st) < 0)
		return err_sys(err, errno, "look at %s", disk);
	if (spec->disk && spec->disk < (uint64_t)st.st_size)
		return err_set(err, ERR_CONFIG, "the machine's disk of %s is smaller than the image of %s",
			str_bytes(spec->disk), str_bytes((uint64_t)st.st_size));
	if (spec->disk && truncate(disk, (off_t)spec->disk) < 0)
		return err_sys(err, errno, "grow %s", disk);
	return 0;
}

static void add_network(struct strvec *v, const struct vm_spec *s)
{
	_cleanup_strbuf_ struct strbuf net = STRBUF_INIT;

	if (!s->nic) {
		strvec_addl(v, "-nic", "none", NULL);
		return;
	}
	/* restrict: the machine reaches nothing but what is forwarded to it. */
	strbuf_adds(&net, "user,id=net0,restrict=on");
	for (const struct vm_forward *f = s->forwards; f && f->host; f++)
		strbuf_addf(&net, ",hostfwd=tcp:127.0.0.1:%u-:%u", f->host, f->guest);
	strvec_addl(v, "-netdev", net.s, "-device", "virtio-net-pci,netdev=net0", NULL);
}

/* A comma ends a value in QEMU's options; doubled it is one. */
static char *option_value(const char *text)
{
	struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (*text == ',')
			strbuf_addc(&b, ',');
		strbuf_addc(&b, *text);
	}
	return strbuf_steal(&b);
}

static char *option_file(const struct vm *vm, const char *name)
{
	_cleanup_free_ char *path = in_dir(vm, name);

	return option_value(path);
}

static void add_smbios(struct strvec *v, const struct vm_spec *s)
{
	for (const char *const *c = s->credentials; c && *c; c++) {
		_cleanup_free_ char *value = option_value(*c);
		strvec_add(v, "-smbios");
		strvec_addf(v, "type=11,value=%s", value);
	}
}

static void build_argv(struct strvec *v, const struct vm *vm, const struct vm_arch *a)
{
	const struct vm_spec *s = &vm->spec;
	_cleanup_free_ char *disk = option_file(vm, "disk.raw"), *vars = option_file(vm, "vars.fd");
	_cleanup_free_ char *qmp = option_file(vm, "qmp"), *report = option_file(vm, "report"),
			    *console = option_file(vm, "console.log");
	bool kvm = strcmp(vm->accel, "kvm") == 0;

	strvec_addl(v, a->qemu, "-machine", a->machine, "-accel", kvm ? "kvm" : "tcg,thread=multi", "-cpu",
		kvm ? "host" : "max", "-nodefaults", "-no-user-config", "-no-reboot", NULL);
	strvec_addl(v, "-display", s->window ? "gtk" : "none", "-vga", "std", NULL);
	strvec_add(v, "-smp");
	strvec_addf(v, "%u", s->cpus ? s->cpus : 2);
	strvec_add(v, "-m");
	strvec_addf(v, "%llu", (unsigned long long)(s->memory >> 20));
	strvec_add(v, "-drive");
	strvec_addf(v, "if=pflash,format=raw,unit=0,readonly=on,file=%s", a->code);
	strvec_add(v, "-drive");
	strvec_addf(v, "if=pflash,format=raw,unit=1,file=%s", vars);
	strvec_add(v, "-drive");
	strvec_addf(v, "if=none,id=disk0,format=raw,cache=unsafe,discard=unmap,file=%s", disk);
	strvec_addl(
		v, "-device", "virtio-blk-pci,drive=disk0,bootindex=1,serial=kiln", "-device", "virtio-rng-pci", NULL);
	for (size_t i = 0; s->disks && s->disks[i]; i++) {
		_cleanup_free_ char *file = option_value(s->disks[i]);
		strvec_add(v, "-drive");
		strvec_addf(v, "if=none,id=more%zu,format=raw,cache=unsafe,file=%s", i, file);
		strvec_add(v, "-device");
		strvec_addf(v, "virtio-blk-pci,drive=more%zu,serial=more%zu", i, i);
	}
	strvec_add(v, "-chardev");
	strvec_addf(v, "file,id=con0,path=%s,append=on", console);
	strvec_addl(v, "-serial", "chardev:con0", "-device", "virtio-serial-pci", NULL);
	strvec_add(v, "-chardev");
	strvec_addf(v, "socket,id=rep0,path=%s,server=on,wait=off", report);
	strvec_addl(v, "-device", "virtserialport,chardev=rep0,name=kiln.report", NULL);
	strvec_add(v, "-qmp");
	strvec_addf(v, "unix:%s,server=on,wait=off", qmp);
	if (s->clock) {
		strvec_add(v, "-rtc");
		strvec_addf(v, "base=%s", s->clock);
	}
	add_network(v, s);
	add_smbios(v, s);
}

/* The console log grows over all starts; reading goes on where it was. */
static int open_console(struct vm *vm, struct err *err)
{
	_cleanup_free_ char *log = in_dir(vm, "console.log");

	if (vm->console.fd >= 0)
		return 0;
	vm->console.fd = open(log, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	return vm->console.fd < 0 ? err_sys(err, errno, "open %s", log) : 0;
}

static void close_channels(struct vm *vm)
{
	qmp_close(&vm->qmp);
	lines_release(&vm->report);
}

static bool has_exited(const struct vm *vm)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)vm->qemu.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* QEMU that refuses its options is gone long before the time for a loaded host is up. */
static int connect_channels(struct vm *vm, const char *qmp, const char *report, struct err *err)
{
	for (uint64_t end = vm_ms() + START_MS; !path_exists(qmp) && vm_ms() < end && !has_exited(vm);)
		usleep(20000);
	if (qmp_open(&vm->qmp, qmp, err) < 0)
		return -1;
	vm->report = (struct lines){.fd = lines_connect(report, 5000, err)};
	return vm->report.fd < 0 ? -1 : 0;
}

int vm_start(struct vm *vm, struct err *err)
{
	const struct vm_arch *arch = vm_arch_find(vm->spec.arch, err);
	_cleanup_free_ char *qmp = in_dir(vm, "qmp"), *report = in_dir(vm, "report");
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	if (!arch || open_console(vm, err) < 0)
		return -1;
	if (!vm->accel)
		vm->accel = "tcg";
	close_channels(vm);
	unlink(qmp);
	unlink(report);
	build_argv(&argv, vm, arch);
	if (proc_start(&vm->qemu, (const char *const *)argv.v, NULL, err) < 0)
		return err_hint(err, "\"apt-get install %s\" brings QEMU and its firmware", arch->packages);
	vm->end = VM_RUNNING;
	vm->starts++;
	if (connect_channels(vm, qmp, report, err) == 0)
		return 0;
	/* What QEMU itself says of its end is the better message. */
	_cleanup_err_ struct err said = ERR_INIT;
	if (!has_exited(vm))
		proc_kill(&vm->qemu);
	else if (proc_wait(&vm->qemu, &said) < 0)
		err_move(err, &said);
	close_channels(vm);
	vm->end = VM_GONE;
	return -1;
}

static enum vm_end end_of(const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *reason = json_string_value(json_object_get(json_object_get(event, "data"), "reason"));

	if (str_eq(name, "GUEST_PANICKED"))
		return VM_PANIC;
	if (!str_eq(name, "SHUTDOWN"))
		return VM_RUNNING;
	if (str_eq(reason, "guest-reset"))
		return VM_REBOOT;
	return str_eq(reason, "guest-panic") ? VM_PANIC : VM_OFF;
}

enum vm_end vm_look(struct vm *vm)
{
	json_t *event;

	if (vm->end != VM_RUNNING)
		return vm->end;
	enum vm_end seen = VM_RUNNING;
	while ((event = qmp_event(&vm->qmp, 0))) {
		enum vm_end e = end_of(event);
		json_decref(event);
		if (e != VM_RUNNING)
			seen = e;
	}
	if (seen == VM_RUNNING && !vm->qmp.io.eof)
		return VM_RUNNING;
	/* It ends by itself after these events; one that does not is stopped. */
	for (uint64_t end = vm_ms() + END_MS; !has_exited(vm) && vm_ms() < end;)
		usleep(10000);
	err_release(&vm->said);
	if (has_exited(vm))
		(void)proc_wait(&vm->qemu, &vm->said);
	proc_kill(&vm->qemu);
	vm->end = seen == VM_RUNNING ? VM_GONE : seen;
	return vm->end;
}

void vm_cut(struct vm *vm)
{
	proc_kill(&vm->qemu);
	close_channels(vm);
	vm->end = VM_OFF;
}

int vm_button(struct vm *vm, struct err *err)
{
	_cleanup_json_ json_t *r = qmp_command(&vm->qmp, "system_powerdown", NULL, err);

	return r ? 0 : -1;
}

int vm_screenshot(struct vm *vm, const char *path, struct err *err)
{
	_cleanup_json_ json_t *r =
		qmp_command(&vm->qmp, "screendump", json_pack("{s:s, s:s}", "filename", path, "format", "png"), err);

	return r ? 0 : -1;
}

int vm_corrupt(struct vm *vm, uint64_t offset, uint64_t n, struct err *err)
{
	_cleanup_free_ char *disk = in_dir(vm, "disk.raw");
	_cleanup_fd_ int fd = open(disk, O_RDWR | O_CLOEXEC);
	uint8_t buf[4096];

	if (fd < 0)
		return err_sys(err, errno, "open %s", disk);
	while (n) {
		size_t k = n < sizeof buf ? (size_t)n : sizeof buf;
		ssize_t got = pread(fd, buf, k, (off_t)offset);
		if (got <= 0)
			return err_sys(
				err, got < 0 ? errno : ENODATA, "read %s at %llu", disk, (unsigned long long)offset);
		for (ssize_t i = 0; i < got; i++)
			buf[i] = (uint8_t)~buf[i];
		if (pwrite(fd, buf, (size_t)got, (off_t)offset) != got)
			return err_sys(err, errno, "write %s", disk);
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

void vm_release(struct vm *vm)
{
	proc_kill(&vm->qemu);
	close_channels(vm);
	lines_release(&vm->console);
	err_release(&vm->said);
}
