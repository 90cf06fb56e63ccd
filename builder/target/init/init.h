/*
 * kiln's /init: the static first process in the initrd. It loads modules, finds the boot disk by the two root hashes on
 * the kernel command line, sets up dm-verity for root and store, makes or grows /var, and starts systemd in the
 * verified root. No library but libc. What reads outside data (base/gptread.c, modules.c, verity.c, bootcount.c) has no
 * side effects, so that it is tested and fuzzed on the build host.
 */
#pragma once
#include "base/gptread.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES 32

/* ---- talk.c: the console ---- */

void talk_open(void); /* after /dev is there; before, messages go to standard error */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	   /* kernel log only, when quiet */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* on every console */
/*
 * The machine cannot go on and another start would not help: say why and wait for a person, idle. Never a loop of
 * reboots.
 */
void stop(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* This slot cannot be started: reboot when `another` slot may help, else stop. */
void give_up_slot(bool another, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
double seconds(void); /* since the kernel started */

/* ---- util.c ---- */

/* A whole file as text, allocated; NULL when it cannot be read. *ret_len may be NULL. */
char *slurp(const char *path, size_t *ret_len);
/* Write text to an existing file (sysctl and the like) or a new one; 0 or -1 with errno. */
int put(const char *path, const char *text);
/* The value of "key=" in a command line; false when it is missing or too long. The last one wins. */
bool argument(const char *cmdline, const char *key, char *ret, size_t size);
bool unhex(const char *text, uint8_t *ret, size_t bytes); /* exactly 2 * bytes digits */
/* Wait until a path exists; false after `limit` seconds. */
bool wait_path(const char *path, double limit);
/* Run a program of the (new) root to its end, its output appended to a file: exit status, or 128 + signal. */
int run(const char *const *argv, const char *log);
void complain_lines(const char *path); /* a file's lines, on every console */

/* ---- modules.c ---- */

struct module {
	const char *name, *deps; /* deps: names, separated by spaces */
	bool done;
};
struct alias {
	const char *pattern, *module;
	size_t fixed; /* bytes before the first wildcard */
};
struct modules {
	struct module *v;
	size_t n;
	struct alias *aliases;
	size_t n_aliases;
	unsigned loaded;
};
/* The initrd's tables: "name: dep dep" and "pattern name" by line. The texts are changed and kept. */
void modules_parse(struct modules *m, char *dep, char *alias);
/* Call fn for every module whose pattern fits a modalias. */
void modules_match(struct modules *m, const char *modalias, void (*fn)(struct modules *, const char *));
void modules_load(struct modules *m, const char *name); /* with all it needs; unknown names are built in */
unsigned modules_coldplug(struct modules *m);		/* for all devices there are now: how many were loaded */

/* ---- verity.c ---- */

struct verity {
	uint64_t blocks; /* of 4096 bytes */
	char salt[513];	 /* hex, "-" when empty */
};
/* Check a superblock: version 1, type 1, sha256, 4096-byte blocks, and that the data fits `size` bytes. NULL, or what
 * is wrong. */
const char *verity_parse(const uint8_t superblock[512], uint64_t size, struct verity *ret);
/* The device-mapper target's parameters. Returns the length, or -1 when it does not fit. */
int verity_table(const struct verity *v, const char *data, const char *hash, const char *root_hash, bool restart,
	char *ret, size_t size);
/*
 * Set up NAME; NULL and the device's path in ret, or what went wrong. Reading a block that does not match is an I/O
 * error, so that /init can say which file system it was.
 */
const char *verity_open(
	const char *name, const char *data, const char *hash, const char *root_hash, char *ret, size_t size);
/* From now on such a block restarts the machine at once. NULL, or what went wrong. */
const char *verity_restart(const char *name, const char *data, const char *hash, const char *root_hash);
bool verity_corrupted(const char *name); /* a block that did not match was read */

/* ---- bootcount.c ---- */

/* Tries from a boot entry's name "x+LEFT-DONE.efi" or "x+LEFT.efi"; false when it is not counted. */
bool bootcount_parse(const char *path, unsigned *left, unsigned *done);
/* Would another start choose another slot? `path` is LoaderBootCountPath ("" when unset). */
bool bootcount_helps(const char *path, unsigned tries);
/* An EFI variable of the boot loader interface as ASCII, "" when unset. */
void loader_variable(const char *name, char *ret, size_t size);

/* ---- disk.c ---- */

struct boot {
	char root_hash[2 * HASH_BYTES + 1], store_hash[2 * HASH_BYTES + 1];
	uint8_t root[HASH_BYTES], store[HASH_BYTES];
	char disk[64];	/* "vda" */
	struct gpt gpt; /* of that disk */
	bool another;	/* another start would choose another slot */
	double found;
};
void disk_find(struct boot *b, struct modules *m);				      /* or stops */
void disk_device(const struct boot *b, const struct part *p, char *ret, size_t size); /* "/dev/vda2" */
int disk_read(const char *disk, struct gpt *ret);

/* ---- state.c: in the verified root ---- */

void state_var(struct boot *b); /* /var: made, grown, checked, mounted */
void state_machine_id(void);
void state_names(const struct boot *b); /* /dev/disk/boot/LABEL by udev */
void state_clock(const char *cmdline);
