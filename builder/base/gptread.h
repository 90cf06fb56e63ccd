/*
 * Reading a GUID partition table (UEFI 2.10, chapter 5.3), for /init on the machine and for looking into images. Needs
 * nothing but libc. Everything on the disk is taken as hostile.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPT_PARTS_MAX 128

struct part {
	unsigned number;	    /* 1-based */
	uint8_t type[16], uuid[16]; /* as printed */
	char label[37];		    /* what is not ASCII became '?' */
	uint64_t start, end;	    /* sectors, end included */
};
struct gpt {
	unsigned sector;  /* bytes */
	uint64_t sectors; /* of the disk */
	bool from_backup; /* the primary copy was bad */
	struct part v[GPT_PARTS_MAX];
	size_t n;
};
/*
 * Read and check a table: header and entries by their CRCs, the backup at the end when the first is bad. 0, or -1 when
 * there is none.
 */
int gpt_read(int fd, unsigned sector, uint64_t size, struct gpt *ret);
const struct part *gpt_by_uuid(const struct gpt *g, const uint8_t uuid[16]);
const struct part *gpt_by_label(const struct gpt *g, const char *label);
