/*
 * KVM or not: /dev/kvm may open, answer every ioctl and even run a tiny guest, and still hang a real kernel (nested
 * paravirtual hypervisors). Only booting one tells.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "vm/machine.h"
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PROBE_MS = 10000 };

static bool kernel_boots(const char *kernel)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, said = STRBUF_INIT;
	const char *const argv[] = {"qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m",
		"512", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", kernel, "-append", "console=ttyS0 panic=1", NULL};

	(void)proc_run(
		argv, &(struct proc_opts){.capture = &out, .capture_err = &said, .timeout_ms = PROBE_MS}, &ignored);
	return strstr(strbuf_cstr(&out), "Linux version") != NULL;
}

/* What the answer depends on. */
static void host_key(char hex[HASH_HEX])
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf qemu = STRBUF_INIT;
	_cleanup_free_ char *cpu = path_read("/proc/cpuinfo", 1 << 20, NULL, &ignored);
	struct utsname u;
	struct hash *h = hash_new();

	(void)proc_run((const char *const[]){"qemu-system-x86_64", "--version", NULL},
		&(struct proc_opts){.capture = &qemu}, &ignored);
	uname(&u);
	hash_field(h, u.release);
	hash_field(h, u.version);
	hash_field(h, strbuf_cstr(&qemu));
	char *model = cpu ? strstr(cpu, "model name") : NULL;
	if (model)
		model[strcspn(model, "\n")] = 0;
	hash_field(h, model);
	hash_end(h, hex);
}

const char *vm_accel(const char *kernel, const char *cache_file)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	char hex[HASH_HEX];

	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return "tcg";
	host_key(hex);
	_cleanup_free_ char *known = path_read(cache_file, 256, NULL, &ignored);
	if (known && strncmp(known, hex, 64) == 0)
		return strcmp(known + 64, " kvm\n") == 0 ? "kvm" : "tcg";
	if (!kernel)
		return "tcg"; /* not known, and not to be kept */
	const char *answer = kernel_boots(kernel) ? "kvm" : "tcg";
	_cleanup_free_ char *line = xasprintf("%s %s\n", hex, answer);
	err_release(&ignored);
	if (path_write(cache_file, line, strlen(line), 0644, &ignored) < 0)
		log_debug("the answer is not kept: %s", ignored.msg);
	log_debug("/dev/kvm %s a kernel here", strcmp(answer, "kvm") == 0 ? "boots" : "does not boot");
	return answer;
}
