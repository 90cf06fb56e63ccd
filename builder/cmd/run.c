/* kiln run PROFILE|IMAGE: boot it for a person, with its ports on this machine's loopback address and its console here.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/subject.h"
#include "vm/guest.h"
#include "vm/interrupt.h"
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 100 };

static void show_console(struct guest *g)
{
	const char *line;

	while ((line = g->engine->console_line(g)))
		puts(line);
	while (g->engine->report_line(g))
		; /* nobody reads it here, and it must not fill up */
	fflush(stdout);
}

static int run_machine(struct guest *g, struct err *err)
{
	interrupt_catch();
	if (g->engine->start(g, err) < 0)
		return -1;
	_cleanup_free_ char *ssh = guest_qemu_ssh(g);
	progress_hide();
	printf("%s\n", ssh);
	for (const struct vm_forward *p = g->ports; p->host; p++)
		printf("127.0.0.1:%u -> port %u of the machine\n", p->host, p->guest);
	puts("Ctrl-C pulls the plug; what the machine wrote is gone then. Its console:");
	for (;;) {
		show_console(g);
		enum vm_end end = g->engine->look(g);
		if (interrupt_came() || end == VM_OFF)
			return 0;
		if (end == VM_REBOOT && g->engine->start(g, err) < 0)
			return -1;
		if (end == VM_PANIC || end == VM_GONE)
			return err_set(
				err, ERR_TOOL, "the machine %s", end == VM_PANIC ? "panicked" : "is gone: QEMU ended");
		usleep(TICK_MS * 1000);
	}
}

static int run_subject(const struct subject *s, struct err *err)
{
	_cleanup_free_ char *accel = cache_path(s->cache, "kvm");
	_cleanup_free_ char *dir = path_scratch("kiln-vm.", err);

	if (!dir)
		return -1;
	struct guest g = {0};
	struct guest_spec spec = {.dir = dir,
		.arch = s->arch,
		.memory = s->memory,
		.disk = s->disk,
		.cpus = s->cpus,
		.nic = true,
		.image = s->image,
		.kernel = s->built.kernel,
		.accel_cache = accel,
		.ports = s->ports};
	int r = guest_create(&g, &guest_qemu, &spec, err);
	if (r == 0)
		r = run_machine(&g, err);
	guest_release(&g);
	_cleanup_err_ struct err cleanup = ERR_INIT;
	if (path_remove(dir, &cleanup) < 0)
		log_warn("%s", cleanup.msg);
	return r;
}

int cmd_run(int argc, char **argv, struct err *err)
{
	struct subject s = {0};
	const char *target = cmd_profile(argc, argv, err);

	int r = target ? subject_open(&s, target, err) : -1;
	if (r == 0)
		r = subject_build(&s, false, err);
	if (r == 0)
		r = run_subject(&s, err);
	subject_release(&s);
	return r;
}
