/*
 * Time for deadlines. On a machine whose processors or disks are saturated (an emulator, a first boot from a slow
 * disk) a late answer says nothing about the one who is late, and restarting him makes it worse. So deadlines count
 * time by the share in which nothing had to wait for the machine: the kernel's pressure figures (PSI,
 * Documentation/accounting/psi.rst), but at least a tenth.
 */
#pragma once
#include <stdint.h>

/* Milliseconds that count, since the process began to ask. Not a clock for measuring: use agent_ms() for that. */
uint64_t patience_ms(void);
/* How long a single time-out of `ms` may take now: up to ten times as long. */
uint64_t patience_stretch(uint64_t ms);
/* Where the figures are; "/proc/pressure" unless a test says otherwise. The text must stay. */
void patience_source(const char *dir);
/* The share of time in tenths (1..10) that counts under this text of /proc/pressure/cpu or io: its "some avg10". */
unsigned patience_share(const char *pressure);
