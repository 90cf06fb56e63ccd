#include "vm/partition.h"
#include "base/mem.h"
#include "base/str.h"
#include <blkid.h>
#include <string.h>

static int find(blkid_partlist list, const char *image, const char *name, struct partition_place *ret, struct err *err)
{
	_cleanup_free_ char *suffix = xasprintf("_%s", name);

	for (int i = 0; i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);
		const char *label = blkid_partition_get_name(p);
		if (!label || (strcmp(label, name) != 0 && !str_ends(label, suffix)))
			continue;
		ret->offset = (uint64_t)blkid_partition_get_start(p) * 512;
		ret->size = (uint64_t)blkid_partition_get_size(p) * 512;
		return 0;
	}
	return err_set(err, ERR_TEST, "%s has no partition \"%s\"", image, name);
}

int partition_find(const char *image, const char *name, struct partition_place *ret, struct err *err)
{
	blkid_probe probe = blkid_new_probe_from_filename(image);
	if (!probe)
		return err_set(err, ERR_IO, "cannot open %s to read its partitions", image);
	blkid_probe_enable_partitions(probe, 1);
	blkid_partlist list = blkid_probe_get_partitions(probe);
	int r = list ? find(list, image, name, ret, err) : err_set(err, ERR_TEST, "%s has no partition table", image);
	blkid_free_probe(probe);
	return r;
}
