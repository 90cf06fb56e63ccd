/*
 * Where everything lies on the disk: pure arithmetic, no I/O. All numbers are bytes, 64-bit and checked.
 * Order: ESP, root A + verity, root B + verity, store A + verity, store B + verity; the rest is /var's, made on the
 * machine.
 */
#pragma once
#include "base/err.h"
#include "disk/guid.h"
#include "plan/partsize.h"
#include <stdint.h>

#define LAYOUT_SECTOR 512
#define LAYOUT_ALIGN PART_ALIGN
#define LAYOUT_PARTS 9

enum part_role {
	PART_ESP,
	PART_ROOT_A,
	PART_ROOT_A_VERITY,
	PART_ROOT_B,
	PART_ROOT_B_VERITY,
	PART_STORE_A,
	PART_STORE_A_VERITY,
	PART_STORE_B,
	PART_STORE_B_VERITY,
};

struct layout_want {
	const char *arch;		    /* amd64, arm64: decides the root's partition types */
	const char *label;		    /* "NAME_VERSION": labels of slot A; at most 23 characters */
	const char *key;		    /* identifies the image; GUIDs are derived from it */
	const char *root_hash, *store_hash; /* 64 hex digits: the partition UUIDs of slot A are their halves */
	uint64_t esp;			    /* 0: LAYOUT_ESP */
	uint64_t root, root_verity, store, store_verity; /* content sizes */
	uint64_t slot_root, slot_store;			 /* sizes of a slot's data partition; 0: content and a third */
	uint64_t disk; /* at least this size (space for /var); 0: only what the partitions need */
};
#define LAYOUT_ESP PART_ESP_BYTES

struct layout_part {
	enum part_role role;
	struct guid type, uuid;
	char label[37]; /* ASCII */
	uint64_t start, size;
	uint64_t attributes; /* GPT attribute bits */
};
struct layout {
	struct guid disk;
	uint64_t size;
	struct layout_part parts[LAYOUT_PARTS];
};

/* Fails when content does not fit its slot, a label is too long, an arch is unknown or a sum overflows. */
int layout_plan(const struct layout_want *want, struct layout *ret, struct err *err);
