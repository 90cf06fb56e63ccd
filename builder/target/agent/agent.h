/*
 * kiln-agent: the program on the appliance. systemd runs its subcommands (wire generates the units); each is one
 * function `cmd_NAME` that returns 0 or -1 with the error main prints. Places: docs/formats.md, "Machine file".
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "target/agent/machine.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct agent {
	char *state; /* /var/lib/kiln */
	char *run;   /* /run/kiln */
	char *conf;  /* /usr/lib/kiln/machine.json */
	time_t now;  /* for tests: the wall clock; 0: the real one */
	struct machine m;
};

/* The paths and the machine file; agent_release releases both. */
int agent_init(struct agent *a, const char *conf, const char *state, const char *run, struct err *err);
void agent_release(struct agent *a);

/* Milliseconds since the machine started, suspended ones too: independent of the wall clock. */
uint64_t agent_ms(void);
/* The same since the host's kernel started: the scale of published_ms, which the page's container has as well. */
uint64_t agent_boot_ms(void);
/* A time of systemd's (microseconds of CLOCK_MONOTONIC) on that scale. */
uint64_t agent_monotonic_ms(uint64_t usec);
/* The wall clock, but never before the image's epoch: a machine without a battery says 1970 or 2000. */
time_t agent_time(const struct agent *a);
/* Sleep, in milliseconds. */
void agent_sleep(uint64_t ms);
/* Write state that must survive a power cut: directories made, file and directory synced. */
int agent_write(const char *path, const void *data, size_t len, unsigned mode, struct err *err);
/* The directories of STATE that only root may enter. */
int agent_private_dirs(const struct agent *a, struct err *err);
/* Write a JSON file under /run for root's other processes to read: atomic, not synced. */
int agent_publish(const char *path, const json_t *j, struct err *err);
/* The same with another mode than 0600, less umask. */
int agent_publish_mode(const char *path, const json_t *j, unsigned mode, struct err *err);
/* Whether an identifier can be used as a relative path: no empty, "." or ".." part, no control characters. */
bool agent_id_ok(const char *id);

int cmd_secrets(struct agent *a, int argc, char **argv, struct err *err);
int cmd_network(struct agent *a, int argc, char **argv, struct err *err);
int cmd_firewall(struct agent *a, int argc, char **argv, struct err *err);
int cmd_render(struct agent *a, int argc, char **argv, struct err *err);
int cmd_provision(struct agent *a, int argc, char **argv, struct err *err);
int cmd_gpu(struct agent *a, int argc, char **argv, struct err *err);
int cmd_watch(struct agent *a, int argc, char **argv, struct err *err);
int cmd_wait(struct agent *a, int argc, char **argv, struct err *err);
int cmd_ready(struct agent *a, int argc, char **argv, struct err *err);
int cmd_status(struct agent *a, int argc, char **argv, struct err *err);
int cmd_page(struct agent *a, int argc, char **argv, struct err *err);
int cmd_report(struct agent *a, int argc, char **argv, struct err *err);
int cmd_backup(struct agent *a, int argc, char **argv, struct err *err);
int cmd_restore(struct agent *a, int argc, char **argv, struct err *err);
int cmd_certificate(struct agent *a, int argc, char **argv, struct err *err);
int cmd_give(struct agent *a, int argc, char **argv, struct err *err);
int cmd_renew(struct agent *a, int argc, char **argv, struct err *err);
