#include "disk/gpt.h"
#include "base/path.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 128
#define ENTRY_BYTES 128
#define HEADER_BYTES 92

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* CRC-32 (ISO 3309). */
static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0U;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0xedb88320U & -(crc & 1));
	}
	return ~crc;
}

/* One entry over the whole disk, so that tools without GPT keep off. */
static void render_mbr(uint8_t *mbr, uint64_t sectors)
{
	uint8_t *e = mbr + 446;

	e[2] = 2; /* CHS 0/0/2 */
	e[4] = 0xee;
	memset(e + 5, 0xff, 3);
	put32(e + 8, 1);
	put32(e + 12, sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1));
	put16(mbr + 510, 0xaa55);
}

static void render_entries(uint8_t *at, const struct layout *l)
{
	for (size_t i = 0; i < LAYOUT_PARTS; i++) {
		const struct layout_part *p = &l->parts[i];
		uint8_t *e = at + i * ENTRY_BYTES;
		guid_to_disk(&p->type, e);
		guid_to_disk(&p->uuid, e + 16);
		put64(e + 32, p->start / LAYOUT_SECTOR);
		put64(e + 40, (p->start + p->size) / LAYOUT_SECTOR - 1);
		put64(e + 48, p->attributes);
		for (size_t c = 0; p->label[c]; c++)
			put16(e + 56 + 2 * c, (unsigned char)p->label[c]);
	}
}

static void render_header(
	uint8_t *h, const struct layout *l, uint64_t self, uint64_t other, uint64_t entries, uint32_t entries_crc)
{
	uint64_t sectors = l->size / LAYOUT_SECTOR;

	memcpy(h, "EFI PART", 8);
	put32(h + 8, 0x00010000);
	put32(h + 12, HEADER_BYTES);
	put64(h + 24, self);
	put64(h + 32, other);
	put64(h + 40, 34); /* first and last usable */
	put64(h + 48, sectors - 34);
	guid_to_disk(&l->disk, h + 56);
	put64(h + 72, entries);
	put32(h + 80, ENTRIES);
	put32(h + 84, ENTRY_BYTES);
	put32(h + 88, entries_crc);
	put32(h + 16, crc32(h, HEADER_BYTES));
}

void gpt_render(const struct layout *l, uint8_t head[GPT_HEAD_BYTES], uint8_t tail[GPT_TAIL_BYTES])
{
	uint64_t last = l->size / LAYOUT_SECTOR - 1;
	uint8_t *entries = head + 2 * LAYOUT_SECTOR;
	const size_t entries_bytes = ENTRIES * ENTRY_BYTES;

	memset(head, 0, GPT_HEAD_BYTES);
	memset(tail, 0, GPT_TAIL_BYTES);
	render_mbr(head, last + 1);
	render_entries(entries, l);
	uint32_t crc = crc32(entries, entries_bytes);
	render_header(head + LAYOUT_SECTOR, l, 1, last, 2, crc);
	memcpy(tail, entries, entries_bytes);
	render_header(tail + entries_bytes, l, last, 1, last - 32, crc);
}

int gpt_write(const struct layout *l, int fd, struct err *err)
{
	uint8_t head[GPT_HEAD_BYTES], tail[GPT_TAIL_BYTES];

	gpt_render(l, head, tail);
	if (lseek(fd, 0, SEEK_SET) < 0 || fd_write_all(fd, head, sizeof head) < 0 ||
		lseek(fd, (off_t)(l->size - sizeof tail), SEEK_SET) < 0 || fd_write_all(fd, tail, sizeof tail) < 0)
		return err_sys(err, errno, "write the partition table");
	return 0;
}
