#include "plan/partsize.h"

#define VERITY_BLOCK UINT64_C(4096)

bool part_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret) && *ret <= INT64_MAX;
}

bool part_align(uint64_t n, uint64_t *ret)
{
	if (!part_add(n, PART_ALIGN - 1, ret))
		return false;
	*ret -= *ret % PART_ALIGN;
	return true;
}

bool part_slot(uint64_t content, uint64_t asked, uint64_t *ret)
{
	if (asked)
		return part_align(asked, ret);
	return part_add(content, content / 3, ret) && part_align(*ret, ret);
}

/* 128 hashes to a block, level upon level; the superblock's block; rounded up. */
bool part_tree(uint64_t slot, uint64_t *ret)
{
	uint64_t blocks = slot / VERITY_BLOCK, total = 1;

	do {
		blocks = blocks / 128 + (blocks % 128 ? 1 : 0);
		total += blocks;
	} while (blocks > 1);
	return part_align(total * VERITY_BLOCK, ret);
}
