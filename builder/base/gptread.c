#include "base/gptread.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_MAX 1024 /* and of at most 4096 bytes: bounds the memory */

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* CRC-32 (ISO 3309), as UEFI has it. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0xedb88320U & -(crc & 1));
	}
	return ~crc;
}

static bool read_at(int fd, void *buf, size_t n, uint64_t offset)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = pread(fd, (uint8_t *)buf + got, n - got, (off_t)(offset + got));
		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

/* The three first fields of a GUID are little-endian on the disk. */
static void guid_from_disk(const uint8_t *disk, uint8_t ret[16])
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (int i = 0; i < 16; i++)
		ret[i] = disk[order[i]];
}

static void parse_entry(const uint8_t *e, unsigned number, struct gpt *g)
{
	static const uint8_t unused[16];
	struct part *p = &g->v[g->n];

	if (memcmp(e, unused, 16) == 0)
		return;
	*p = (struct part){.number = number, .start = le64(e + 32), .end = le64(e + 40)};
	if (p->start > p->end || p->end >= g->sectors)
		return;
	guid_from_disk(e, p->type);
	guid_from_disk(e + 16, p->uuid);
	for (int i = 0; i < 36; i++) {
		unsigned c = e[56 + 2 * i] | (unsigned)e[57 + 2 * i] << 8;
		p->label[i] = (char)(c == 0 || (c >= 0x20 && c < 0x7f) ? c : '?');
	}
	g->n++;
}

static int read_copy(int fd, uint64_t lba, struct gpt *g)
{
	uint8_t h[512];

	g->n = 0;
	if (lba >= g->sectors || !read_at(fd, h, sizeof h, lba * g->sector) || memcmp(h, "EFI PART", 8) != 0)
		return -1;
	uint32_t header = le32(h + 12), crc = le32(h + 16), count = le32(h + 80), size = le32(h + 84);
	uint64_t entries = le64(h + 72);
	if (header < 92 || header > sizeof h || le64(h + 24) != lba)
		return -1;
	memset(h + 16, 0, 4);
	if (crc32(0, h, header) != crc)
		return -1;
	if (size < 128 || size > 4096 || size % 8 || count == 0 || count > ENTRIES_MAX || entries >= g->sectors)
		return -1;
	uint8_t *e = malloc((size_t)count * size);
	bool good = e && read_at(fd, e, (size_t)count * size, entries * g->sector) &&
		    crc32(0, e, (size_t)count * size) == le32(h + 88);
	for (uint32_t i = 0; good && i < count && g->n < GPT_PARTS_MAX; i++)
		parse_entry(e + (size_t)i * size, i + 1, g);
	free(e);
	return good ? 0 : -1;
}

int gpt_read(int fd, unsigned sector, uint64_t size, struct gpt *ret)
{
	*ret = (struct gpt){.sector = sector};
	if (sector < 512 || sector > 65536)
		return -1;
	ret->sectors = size / sector;
	if (ret->sectors < 3)
		return -1;
	if (read_copy(fd, 1, ret) == 0)
		return 0;
	ret->from_backup = true;
	return read_copy(fd, ret->sectors - 1, ret);
}

const struct part *gpt_by_uuid(const struct gpt *g, const uint8_t uuid[16])
{
	for (size_t i = 0; i < g->n; i++)
		if (memcmp(g->v[i].uuid, uuid, 16) == 0)
			return &g->v[i];
	return NULL;
}

const struct part *gpt_by_label(const struct gpt *g, const char *label)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->v[i].label, label) == 0)
			return &g->v[i];
	return NULL;
}
