/*
 * A machine under test, whatever runs it. Two engines: QEMU boots the disk image like hardware would; systemd-nspawn
 * boots the same root and store natively in a container, for speed, without firmware, kernel, initrd and verity.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "vm/machine.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct guest_disk { /* one ext4 file system, found by its label; it outlives the machine: `fresh` leaves it alone */
	const char *label;
	uint64_t size;
};
struct guest_spec {
	const char *dir;    /* scratch; the caller makes and removes it */
	const char *report; /* directory for screenshots */
	const char *arch;
	uint64_t memory, disk; /* bytes; the disk: with the image on it, of nspawn its /var alone */
	unsigned cpus;
	bool nic;
	const unsigned *ports;		/* TCP ports that the machine publishes, ended by 0, or NULL */
	const char *clock;		/* NULL: now */
	uint64_t seed;			/* of the scenario's random moments; the lower 48 bits count */
	const struct guest_disk *disks; /* further disks, ended by {NULL}, or NULL */
	/* qemu */
	const char *image, *kernel, *accel_cache;
	/* nspawn */
	const char *root, *store; /* squashfs files */
};

struct guest;
struct guest_engine {
	const char *name;
	const char *cannot; /* kinds of steps it cannot do, for the skip message */
	/* Everything new: no state. Called before the first start, too. */
	int (*fresh)(struct guest *g, struct err *err);
	int (*start)(struct guest *g, struct err *err);
	enum vm_end (*look)(struct guest *g);
	void (*cut)(struct guest *g);
	int (*button)(struct guest *g, struct err *err);
	/* A command on the machine as root; exit status in *status. -1: could not be run at all. */
	int (*exec)(struct guest *g, const char *const *argv, uint64_t timeout_ms, struct strbuf *out, int *status,
		struct err *err);
	int (*screenshot)(struct guest *g, const char *path, struct err *err);	 /* NULL: it has no screen */
	int (*corrupt)(struct guest *g, const char *partition, struct err *err); /* NULL: it has no partitions */
	/* What a program of this host is started with to reach the guest's `ports`, and at which address they are. */
	int (*beside)(struct guest *g, struct strvec *prefix, const char **address, struct err *err);
	const char *(*report_line)(struct guest *g); /* next line of the report port, or NULL */
	const char *(*console_line)(struct guest *g);
	/* A fault that is the engine's own and not the machine's, by what the console showed; NULL: none is known. NULL
	 * itself: the engine has none. */
	const char *(*fault)(const struct guest *g, const char *console);
	void (*release)(struct guest *g);
};
extern const struct guest_engine guest_qemu, guest_nspawn;

struct guest {
	const struct guest_engine *engine;
	struct guest_spec spec;
	struct vm_forward *ports; /* the spec's, and where this host has each; ended by {0, 0} */
	void *own;		  /* the engine's */
	char *said; /* after VM_GONE: the last words of the program that ran it; or NULL. Of the newest start; the
		       guest's */
};
/* Check that the engine can work on this host; then make the machine, off. ERR_TOOL says what is missing. */
int guest_create(struct guest *g, const struct guest_engine *e, const struct guest_spec *spec, struct err *err);
void guest_release(struct guest *g);
/* For engines, at VM_GONE: keep the words of the program that ran the machine. `said` may be empty; it is after. */
void guest_gone(struct guest *g, struct err *said);

/* The ssh command line for a running QEMU guest. The caller frees it. */
char *guest_qemu_ssh(const struct guest *g);

/* For engines: a shell ends with this, and the status of the command is told from that of what carried it. */
#define GUEST_STATUS "echo \" kiln-status=$?\""
/* The file of a further disk in the guest's directory, made when it is not there yet. The caller frees it. */
char *guest_disk_file(const struct guest *g, const struct guest_disk *d, struct err *err);
/* Cut the status off the output; ERR_TEST "WHAT: output" when there is none. */
int guest_take_status(struct strbuf *out, int *status, const char *what, struct err *err);
