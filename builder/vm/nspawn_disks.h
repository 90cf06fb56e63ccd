/* The further disks of a machine in a container: loop devices of the host, as a machine without udev finds them. */
#pragma once
#include "vm/guest.h"

enum { NSPAWN_DISKS = 8 };
struct nspawn_disks {
	int loops[NSPAWN_DISKS]; /* freed when the last descriptor is closed */
	unsigned numbers[NSPAWN_DISKS];
	size_t n;
};
/* Those of the guest's spec; their files are made where they are not there yet. Release also after an error. */
int nspawn_disks_attach(struct nspawn_disks *d, const struct guest *g, struct err *err);
/* nspawn's options: the device of each stands where udev's link by its label would be. */
void nspawn_disks_bind(const struct nspawn_disks *d, const struct guest *g, struct strvec *argv);
void nspawn_disks_release(struct nspawn_disks *d);
