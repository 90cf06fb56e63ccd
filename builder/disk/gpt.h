/* Writing a GUID partition table (UEFI 2.10, chapter 5) with protective MBR: 512-byte sectors, 128 entries. */
#pragma once
#include "base/err.h"
#include "disk/layout.h"

#define GPT_HEAD_BYTES (34 * LAYOUT_SECTOR) /* MBR, header, entries at the start */
#define GPT_TAIL_BYTES (33 * LAYOUT_SECTOR) /* entries, header at the end */

/* The bytes of both copies, without I/O. */
void gpt_render(const struct layout *l, uint8_t head[GPT_HEAD_BYTES], uint8_t tail[GPT_TAIL_BYTES]);
/* Write them to an open image of l->size bytes. */
int gpt_write(const struct layout *l, int fd, struct err *err);
