/*
 * A virtual machine: QEMU with UEFI firmware, a scratch disk over an image that stays untouched, a console log, the
 * report port of kiln-agent, and QMP. It never reaches beyond this host: user networking with `restrict`, and only
 * the forwarded ports, on loopback.
 */
#pragma once
#include "base/err.h"
#include "base/proc.h"
#include "vm/lines.h"
#include "vm/qmp.h"
#include <stdbool.h>
#include <stdint.h>

struct vm_forward {
	unsigned host, guest; /* TCP; host is on 127.0.0.1 */
};
struct vm_spec {
	const char *dir;   /* existing scratch directory; short (sockets), removed by the caller */
	const char *image; /* raw; opened read-only */
	const char *arch;  /* Debian's name */
	uint64_t memory;   /* bytes */
	uint64_t disk;	   /* bytes; 0: the image's size */
	unsigned cpus;
	bool nic;
	const struct vm_forward *forwards; /* ended by {0, 0}, or NULL */
	const char *clock;		   /* "2000-01-01T00:00:00", or NULL: now */
	const char *const *disks;	   /* files of further disks, NULL-terminated, or NULL */
	const char *const *credentials;	   /* "io.systemd.credential:NAME=VALUE" by SMBIOS, NULL-terminated, or NULL */
	bool window;			   /* show a display (kiln run) */
};

enum vm_end { VM_RUNNING, VM_OFF, VM_REBOOT, VM_PANIC, VM_GONE };

struct vm {
	struct vm_spec spec;
	struct proc qemu;
	struct qmp qmp;
	struct lines report, console; /* JSON lines; lines of the serial console */
	const char *accel;	      /* "kvm" or "tcg" */
	unsigned starts;
	enum vm_end end;
	struct err said; /* after VM_GONE: how QEMU ended, and what it said */
};

/* Make the scratch disk and the firmware's variables. Release with vm_release, also after an error. */
int vm_create(struct vm *vm, const struct vm_spec *spec, struct err *err);
/* Switch it on (again). */
int vm_start(struct vm *vm, struct err *err);
/* Has it ended by itself? Looks, does not wait. After an end other than VM_RUNNING it can be started again. */
enum vm_end vm_look(struct vm *vm);
/* Pull the plug. */
void vm_cut(struct vm *vm);
/* Press the power button. */
int vm_button(struct vm *vm, struct err *err);
/* A PNG of the screen. */
int vm_screenshot(struct vm *vm, const char *path, struct err *err);
/* Overwrite `n` bytes of the machine's disk at `offset` with their complement. Only while it is off. */
int vm_corrupt(struct vm *vm, uint64_t offset, uint64_t n, struct err *err);
void vm_release(struct vm *vm);

/*
 * "kvm" where a real kernel is seen to boot on it, else "tcg". The probe boots the given kernel for up to 10 s; its
 * answer is kept in `cache_file` for as long as host kernel, CPU and QEMU stay the same. Without a kernel (NULL) only
 * a kept answer says "kvm".
 */
const char *vm_accel(const char *kernel, const char *cache_file);
