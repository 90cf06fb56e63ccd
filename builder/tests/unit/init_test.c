/* The parts of the appliance's /init that read outside data: partition tables, module aliases, verity superblocks, boot
 * counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "disk/gpt.h"
#include "target/init/init.h"
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

/* /init is a program of its own, without kiln's library; its files are part of this test. */
#include "base/gptread.c"
#include "target/init/bootcount.c"
#include "target/init/modules.c"
#include "target/init/talk.c"
#include "target/init/util.c"
#define le32 verity_le32
#include "target/init/verity.c"
#undef le32

#define ROOT "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210"
#define STORE "11111111111111111111111111111111222222222222222222222222222222ff"
#define MIB (UINT64_C(1) << 20)

/* A disk as the builder writes it. */
static int make_disk(struct layout *l)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct layout_want w = {.arch = "arm64",
		.label = "core_1",
		.key = "key",
		.root_hash = ROOT,
		.store_hash = STORE,
		.root = 300 * MIB,
		.root_verity = MIB,
		.store = 30 * MIB,
		.store_verity = 8192};
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_int_equal(layout_plan(&w, l, &err), 0);
	assert_int_equal(ftruncate(fd, (off_t)l->size), 0);
	assert_int_equal(gpt_write(l, fd, &err), 0);
	return fd;
}

static void test_gpt(void **state)
{
	struct layout l;
	struct gpt g;
	uint8_t root[32];
	_cleanup_fd_ int fd = make_disk(&l);

	(void)state;
	assert_int_equal(gpt_read(fd, 512, l.size, &g), 0);
	assert_false(g.from_backup);
	assert_int_equal(g.n, LAYOUT_PARTS);
	assert_true(unhex(ROOT, root, sizeof root));
	const struct part *p = gpt_by_uuid(&g, root), *v = gpt_by_uuid(&g, root + 16);
	assert_non_null(p);
	assert_int_equal(p->number, 2);
	assert_int_equal(p->start * 512, l.parts[PART_ROOT_A].start);
	assert_int_equal((p->end + 1) * 512, l.parts[PART_ROOT_A].start + l.parts[PART_ROOT_A].size);
	assert_memory_equal(p->type, l.parts[PART_ROOT_A].type.b, 16);
	assert_string_equal(v->label, "core_1_root_verity");
	assert_int_equal(gpt_by_label(&g, "core_1_store")->number, 6);
	assert_null(gpt_by_label(&g, "var"));
}

static void flip(int fd, uint64_t at)
{
	uint8_t b = 0;

	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
}

static void test_gpt_damage(void **state)
{
	struct layout l;
	struct gpt g;
	_cleanup_fd_ int fd = make_disk(&l);

	(void)state;
	flip(fd, 512 + 60); /* the disk's GUID in the first header */
	assert_int_equal(gpt_read(fd, 512, l.size, &g), 0);
	assert_true(g.from_backup);
	assert_int_equal(g.n, LAYOUT_PARTS);
	flip(fd, 512 + 60);
	flip(fd, 1024 + 56); /* a label */
	assert_int_equal(gpt_read(fd, 512, l.size, &g), 0);
	assert_true(g.from_backup);
	flip(fd, l.size - 33 * 512 + 3); /* and the backup's entries */
	assert_int_equal(gpt_read(fd, 512, l.size, &g), -1);
	assert_int_equal(gpt_read(fd, 4096, l.size, &g), -1);
	assert_int_equal(gpt_read(fd, 512, 700, &g), -1);
	assert_int_equal(gpt_read(fd, 0, l.size, &g), -1);
}

/* A header of our making with a valid checksum: only the checks of its fields stand between it and the reader. */
static void hostile(struct layout *l, int fd, size_t offset, uint64_t value, size_t bytes)
{
	uint8_t h[92];
	uint32_t crc;

	assert_int_equal(pread(fd, h, sizeof h, 512), sizeof h);
	for (size_t i = 0; i < bytes; i++)
		h[offset + i] = (uint8_t)(value >> 8 * i);
	memset(h + 16, 0, 4);
	crc = crc32(0, h, sizeof h);
	memcpy(h + 16, &crc, 4);
	assert_int_equal(pwrite(fd, h, sizeof h, 512), sizeof h);
	flip(fd, l->size - 512); /* the backup is out of the game */
}

static void test_gpt_hostile(void **state)
{
	static const struct {
		size_t offset, bytes;
		uint64_t value;
	} cases[] = {{80, 4, 0}, {80, 4, 0xffffffff}, {84, 4, 0}, {84, 4, 64}, {84, 4, 0xfffffff8}, {72, 8, UINT64_MAX},
		{72, 8, UINT64_MAX / 512}, {24, 8, 5}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct layout l;
		struct gpt g;
		_cleanup_fd_ int fd = make_disk(&l);
		hostile(&l, fd, cases[i].offset, cases[i].value, cases[i].bytes);
		assert_int_equal(gpt_read(fd, 512, l.size, &g), -1);
	}
}

static struct {
	char names[256];
} seen;

static void see(struct modules *m, const char *name)
{
	size_t n = strlen(seen.names);

	(void)m;
	snprintf(seen.names + n, sizeof seen.names - n, "%s ", name);
}

static void test_modules(void **state)
{
	struct modules m;
	char dep[] = "virtio_blk: virtio\nvirtio:\nahci: libahci\nbad line\n:x\n";
	char alias[] = "virtio:d00000002v* virtio_blk\n"
		       "pci:v*d*sv*sd*bc01sc06i01* ahci\n"
		       "acpi*:PNP0[AB]0?:* other\n"
		       "nospace\n"
		       " empty\n";

	(void)state;
	modules_parse(&m, dep, alias);
	assert_int_equal(m.n, 3);
	assert_int_equal(m.n_aliases, 3);
	modules_match(&m, "virtio:d00000002v00001AF4", see);
	assert_string_equal(seen.names, "virtio_blk ");
	modules_match(&m, "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", see);
	modules_match(&m, "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i02", see);
	modules_match(&m, "acpi:PNP0A03:PNP0A08:", see);
	modules_match(&m, "virtio:d00000001v00001AF4", see);
	modules_match(&m, "", see);
	assert_string_equal(seen.names, "virtio_blk ahci other ");
	free(m.v);
	free(m.aliases);
}

static void superblock(uint8_t sb[512])
{
	memset(sb, 0, 512);
	memcpy(sb, "verity\0\0", 8);
	sb[8] = sb[12] = 1;
	memcpy(sb + 32, "sha256", 6);
	sb[65] = sb[69] = 0x10;
	sb[72] = 100;
	sb[80] = 2;
	sb[88] = 0xab;
	sb[89] = 0x01;
}

static void test_verity(void **state)
{
	uint8_t sb[512];
	struct verity v;
	char table[300];
	volatile size_t short_size = 20; /* else the compiler sees the truncation and warns */

	(void)state;
	superblock(sb);
	assert_null(verity_parse(sb, 100 * 4096, &v));
	assert_int_equal(v.blocks, 100);
	assert_string_equal(v.salt, "ab01");
	assert_true(verity_table(&v, "/dev/vda2", "/dev/vda3", "cafe", true, table, sizeof table) > 0);
	assert_string_equal(table, "1 /dev/vda2 /dev/vda3 4096 4096 100 1 sha256 cafe ab01 1 restart_on_corruption");
	assert_true(verity_table(&v, "/dev/vda2", "/dev/vda3", "cafe", false, table, sizeof table) > 0);
	assert_string_equal(table, "1 /dev/vda2 /dev/vda3 4096 4096 100 1 sha256 cafe ab01");
	assert_int_equal(verity_table(&v, "/dev/vda2", "/dev/vda3", "cafe", false, table, short_size), -1);
	assert_string_equal(verity_parse(sb, 100 * 4096 - 1, &v), "verity data is larger than its partition");
	sb[79] = 0x80; /* 2^63 blocks and more */
	assert_string_equal(verity_parse(sb, UINT64_MAX, &v), "verity data is larger than its partition");
	superblock(sb);
	memcpy(sb + 32, "sha1\0\0", 6);
	assert_string_equal(verity_parse(sb, 1 << 20, &v), "verity hash is not sha256");
	superblock(sb);
	sb[65] = 2;
	assert_string_equal(verity_parse(sb, 1 << 20, &v), "verity block size is not 4096");
	superblock(sb);
	sb[81] = 2;
	assert_string_equal(verity_parse(sb, 1 << 20, &v), "verity salt is too long");
	superblock(sb);
	sb[12] = 0;
	assert_string_equal(verity_parse(sb, 1 << 20, &v), "unknown verity version");
	sb[0] = 'V';
	assert_string_equal(verity_parse(sb, 1 << 20, &v), "no verity superblock");
	superblock(sb);
	sb[80] = 0;
	sb[81] = 1; /* the longest salt */
	assert_null(verity_parse(sb, 1 << 20, &v));
	assert_int_equal(strlen(v.salt), 512);
}

static void test_bootcount(void **state)
{
	unsigned left, done;

	(void)state;
	assert_true(bootcount_parse("\\EFI\\Linux\\core_1+2-1.efi", &left, &done));
	assert_int_equal(left, 2);
	assert_int_equal(done, 1);
	assert_true(bootcount_parse("\\EFI\\Linux\\a+b_1+3.efi", &left, &done));
	assert_int_equal(left, 3);
	assert_int_equal(done, 0);
	assert_false(bootcount_parse("\\EFI\\Linux\\core_1.efi", &left, &done));
	assert_false(bootcount_parse("\\EFI\\Linux\\core_1+x.efi", &left, &done));
	assert_false(bootcount_parse("\\EFI\\Linux\\core_1+2-.efi", &left, &done));
	assert_false(bootcount_parse("", &left, &done));
	assert_true(bootcount_helps("x_2+2-1.efi", 3));
	assert_true(bootcount_helps("x_2+0-3.efi", 3));	 /* this was its last try: the other comes next */
	assert_false(bootcount_helps("x_2+0-4.efi", 3)); /* chosen although it had none left: nothing else boots */
	assert_false(bootcount_helps("x_2.efi", 3));	 /* once healthy: it would be chosen again */
	assert_false(bootcount_helps("", 3));
}

static void test_arguments(void **state)
{
	char v[8];
	uint8_t raw[2];

	(void)state;
	assert_true(argument("a=1 kiln.x=yes kiln.xy=no\n", "kiln.x", v, sizeof v));
	assert_string_equal(v, "yes");
	assert_true(argument("k=1 k=2", "k", v, sizeof v));
	assert_string_equal(v, "2");
	assert_true(argument("k=", "k", v, sizeof v));
	assert_string_equal(v, "");
	assert_false(argument("k=12345678", "k", v, sizeof v)); /* too long for its place */
	assert_false(argument("xk=1 k", "k", v, sizeof v));
	assert_true(unhex("0aff", raw, 2));
	assert_int_equal(raw[1], 0xff);
	assert_false(unhex("0aFF", raw, 2));
	assert_false(unhex("0af", raw, 2));
	assert_false(unhex("0aff0", raw, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gpt),
		cmocka_unit_test(test_gpt_damage),
		cmocka_unit_test(test_gpt_hostile),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_verity),
		cmocka_unit_test(test_bootcount),
		cmocka_unit_test(test_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
