/*
 * libFuzzer: what /init reads from a disk that may be hostile: the partition table and verity's superblock. The first
 * byte says whether checksums are put right, so that the fields behind them are reached.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/gptread.c"
#include "target/init/bootcount.c"
#include "target/init/talk.c"
#include "target/init/util.c"
#define le32 verity_le32
#include "target/init/verity.c"
#undef le32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Make the header at `at` valid where its own numbers stay inside the disk. */
static void mend(uint8_t *disk, size_t size, size_t at)
{
	if (at + 512 > size)
		return;
	uint8_t *h = disk + at;
	uint64_t lba = le64(h + 72), bytes = (uint64_t)le32(h + 80) * le32(h + 84);
	memcpy(h, "EFI PART", 8);
	put32(h + 12, 92);
	memset(h + 24, 0, 8);
	put32(h + 24, (uint32_t)(at / 512));
	if (lba < size / 512 && bytes <= size - lba * 512)
		put32(h + 88, crc32(0, disk + lba * 512, (size_t)bytes));
	memset(h + 16, 0, 4);
	put32(h + 16, crc32(0, h, 92));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gpt g;
	struct verity v;
	unsigned left, done;
	char name[64] = "";

	if (size < 2)
		return 0;
	uint8_t *disk = malloc(size - 1);
	memcpy(disk, data + 1, size - 1);
	size--;
	if (data[0] & 1)
		mend(disk, size, 512);
	if (data[0] & 2 && size >= 1024)
		mend(disk, size, size / 512 * 512 - 512);
	int fd = memfd_create("disk", MFD_CLOEXEC);
	if (write(fd, disk, size) == (ssize_t)size && gpt_read(fd, 512, size, &g) == 0)
		for (size_t i = 0; i < g.n; i++)
			if (g.v[i].end >= g.sectors || g.v[i].label[36] || gpt_by_uuid(&g, g.v[i].uuid) == NULL)
				abort();
	close(fd);
	if (size >= 512 && verity_parse(disk, le64(data + 1), &v) == NULL && v.blocks > le64(data + 1) / 4096)
		abort();
	memcpy(name, disk, size < 63 ? size : 63);
	bootcount_parse(name, &left, &done);
	free(disk);
	return 0;
}
