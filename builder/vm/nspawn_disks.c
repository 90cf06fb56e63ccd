#include "vm/nspawn_disks.h"
#include "base/mem.h"
#include "vm/loop.h"
#include <unistd.h>

int nspawn_disks_attach(struct nspawn_disks *d, const struct guest *g, struct err *err)
{
	for (const struct guest_disk *disk = g->spec.disks; disk && disk->label; disk++) {
		if (d->n == NSPAWN_DISKS)
			return err_set(err, ERR_CONFIG, "more than %d further disks", NSPAWN_DISKS);
		_cleanup_free_ char *file = guest_disk_file(g, disk, err);
		int loop = file ? loop_attach(file, &d->numbers[d->n], err) : -1;
		if (loop < 0)
			return -1;
		d->loops[d->n++] = loop;
	}
	return 0;
}

void nspawn_disks_bind(const struct nspawn_disks *d, const struct guest *g, struct strvec *argv)
{
	for (size_t i = 0; i < d->n; i++)
		strvec_addf(argv, "--bind=/dev/loop%u:/dev/disk/by-label/%s", d->numbers[i], g->spec.disks[i].label);
}

void nspawn_disks_release(struct nspawn_disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		close(d->loops[i]);
	d->n = 0;
}
