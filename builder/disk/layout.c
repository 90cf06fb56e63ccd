#include "disk/layout.h"
#include "base/mem.h"
#include "base/str.h"
#include "plan/partsize.h"
#include <stdio.h>
#include <string.h>

#define TABLE_TAIL (33 * UINT64_C(512))		/* backup entries and header */
#define EMPTY_LABEL "_empty"			/* what systemd-sysupdate calls a free partition */
#define ATTRIBUTE_READ_ONLY (UINT64_C(1) << 60) /* of the discoverable partitions (UAPI.2) */

/*
 * Root types by architecture (UAPI.2). The store's types are kiln's own and one for data, one for hash trees, so that
 * systemd-sysupdate never takes an empty partition of the one kind for the other.
 */
static const struct {
	const char *arch, *root, *root_verity;
} arch_types[] = {
	{"amd64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"},
	{"arm64", "b921b045-1df0-41c3-af44-4c6f280d3fae", "df3300ce-d69f-4c92-978c-9bfb0f38d820"},
};
#define TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define TYPE_STORE "bf2a1a94-1bc5-4a0e-9d3c-5be5a1c2f0c7"
#define TYPE_STORE_VERITY "0f5b1de2-7a43-4c6c-8f0b-6b1e9a6f4d35"

static struct guid known(const char *text)
{
	struct guid g = {0};

	guid_parse(text, &g);
	return g;
}

static int pair(uint64_t content, uint64_t asked, uint64_t tree, const char *what, uint64_t sizes[2], struct err *err)
{
	if (!part_slot(content, asked, &sizes[0]) || !part_tree(sizes[0], &sizes[1]))
		return err_set(err, ERR_CONFIG, "disk layout: the %s is too large", what);
	if (content > sizes[0]) {
		err_set(err, ERR_CONFIG, "disk layout: the %s (%s) does not fit its slot (%s)", what,
			str_bytes(content), str_bytes(sizes[0]));
		return err_hint(err, "make slots: {%s: ...} in the profile larger, or leave it out", what);
	}
	if (tree > sizes[1])
		return err_set(err, ERR_CONFIG,
			"disk layout: the hash tree of the %s (%s) does not fit its partition (%s)", what,
			str_bytes(tree), str_bytes(sizes[1]));
	return 0;
}

/* The size of each partition, in order. */
static int plan_sizes(const struct layout_want *w, uint64_t sizes[LAYOUT_PARTS], struct err *err)
{
	uint64_t *root = sizes + PART_ROOT_A, *store = sizes + PART_STORE_A;

	if (!part_align(w->esp ? w->esp : LAYOUT_ESP, &sizes[PART_ESP]))
		return err_set(err, ERR_CONFIG, "disk layout: the ESP is too large");
	if (pair(w->root, w->slot_root, w->root_verity, "root", root, err) < 0 ||
		pair(w->store, w->slot_store, w->store_verity, "store", store, err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) { /* slot B is as large as A */
		root[2 + i] = root[i];
		store[2 + i] = store[i];
	}
	return 0;
}

/* Type, label, UUID of each partition. */
static int name_parts(const struct layout_want *w, struct layout *l, struct err *err)
{
	static const struct {
		const char *suffix, *key; /* of the label; for the derived UUID */
		int half;		  /* of the hash; -1: derived */
	} names[LAYOUT_PARTS] = {{"", "esp", -1}, {"_root", "root-a", 0}, {"_root_verity", "root-a-verity", 1},
		{"", "root-b", -1}, {"", "root-b-verity", -1}, {"_store", "store-a", 0},
		{"_store_verity", "store-a-verity", 1}, {"", "store-b", -1}, {"", "store-b-verity", -1}};
	const char *root = NULL, *tree = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(arch_types); i++)
		if (str_eq(arch_types[i].arch, w->arch)) {
			root = arch_types[i].root;
			tree = arch_types[i].root_verity;
		}
	if (!root)
		return err_set(err, ERR_CONFIG, "disk layout: no partition types for architecture \"%s\"", w->arch);
	const char *types[LAYOUT_PARTS] = {
		TYPE_ESP, root, tree, root, tree, TYPE_STORE, TYPE_STORE_VERITY, TYPE_STORE, TYPE_STORE_VERITY};
	for (size_t i = 0; i < LAYOUT_PARTS; i++) {
		struct layout_part *p = &l->parts[i];
		const char *hash = i < PART_STORE_A ? w->root_hash : w->store_hash;
		char half[33] = "";
		p->role = (enum part_role)i;
		p->type = known(types[i]);
		p->uuid = guid_derive(w->key, names[i].key);
		if (names[i].half >= 0) {
			if (strlen(hash) == 64)
				memcpy(half, hash + 32 * names[i].half, 32);
			if (!guid_parse(half, &p->uuid))
				return err_set(err, ERR_VERIFY, "disk layout: \"%s\" is not a root hash", hash);
		}
		const char *label = names[i].half >= 0 ? w->label : i == PART_ESP ? "esp" : EMPTY_LABEL;
		if (snprintf(p->label, sizeof p->label, "%s%s", label, names[i].suffix) >= (int)sizeof p->label)
			return err_set(err, ERR_CONFIG, "disk layout: the label \"%s%s\" is longer than 36 characters",
				label, names[i].suffix);
		p->attributes = i == PART_ESP ? 0 : ATTRIBUTE_READ_ONLY;
	}
	return 0;
}

int layout_plan(const struct layout_want *want, struct layout *ret, struct err *err)
{
	struct layout l = {.disk = guid_derive(want->key, "disk")};
	uint64_t sizes[LAYOUT_PARTS], at = LAYOUT_ALIGN;

	if (plan_sizes(want, sizes, err) < 0 || name_parts(want, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < LAYOUT_PARTS; i++) {
		l.parts[i].start = at;
		l.parts[i].size = sizes[i];
		if (!part_add(at, sizes[i], &at))
			return err_set(err, ERR_CONFIG, "disk layout: the partitions are too large together");
	}
	if (!part_add(at, TABLE_TAIL, &at) || !part_align(at, &at) || !part_align(want->disk, &l.size))
		return err_set(err, ERR_CONFIG, "disk layout: the disk is too large");
	if (l.size < at)
		l.size = at;
	*ret = l;
	return 0;
}
