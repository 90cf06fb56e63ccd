/* The disk's arithmetic and its partition table: sizes, limits, exact errors, and a golden dump by sfdisk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "disk/assemble.h"
#include "disk/gpt.h"
#include "disk/layout.h"
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210"
#define STORE "11111111111111111111111111111111222222222222222222222222222222ff"
#define MIB (UINT64_C(1) << 20)

static struct layout_want want(void)
{
	return (struct layout_want){.arch = "amd64",
		.label = "core_1",
		.key = "key",
		.root_hash = ROOT,
		.store_hash = STORE,
		.root = 300 * MIB,
		.root_verity = 3 * MIB,
		.store = 30 * MIB,
		.store_verity = 4096 * 70};
}

static void plan(const struct layout_want *w, struct layout *l)
{
	_cleanup_err_ struct err err = ERR_INIT;

	if (layout_plan(w, l, &err) < 0)
		fail_msg("%s", err.msg);
}

static void refuse(const struct layout_want *w, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct layout l;

	assert_int_equal(layout_plan(w, &l, &err), -1);
	assert_string_equal(err.msg, text);
}

static void test_order(void **state)
{
	struct layout_want w = want();
	struct layout l;

	(void)state;
	plan(&w, &l);
	assert_int_equal(l.parts[PART_ESP].start, MIB);
	for (size_t i = 0; i + 1 < LAYOUT_PARTS; i++) {
		assert_int_equal(l.parts[i].start + l.parts[i].size, l.parts[i + 1].start);
		assert_int_equal(l.parts[i].start % LAYOUT_ALIGN, 0);
	}
	assert_int_equal(l.parts[PART_ROOT_A].size, 400 * MIB);
	assert_int_equal(l.parts[PART_ROOT_B].size, 400 * MIB);
	assert_int_equal(l.parts[PART_ROOT_A_VERITY].size, 4 * MIB); /* 800 + 7 + 1 blocks and the superblock's */
	assert_true(l.size >= l.parts[PART_STORE_B_VERITY].start + l.parts[PART_STORE_B_VERITY].size + GPT_TAIL_BYTES);
	assert_string_equal(l.parts[PART_STORE_A_VERITY].label, "core_1_store_verity");
	assert_string_equal(l.parts[PART_ROOT_B].label, "_empty");
}

static void test_sizes(void **state)
{
	struct layout_want w = want();
	struct layout l;

	(void)state;
	w.slot_root = 1000 * MIB + 1;
	w.disk = 8ULL << 30;
	plan(&w, &l);
	assert_int_equal(l.parts[PART_ROOT_A].size, 1001 * MIB);
	assert_int_equal(l.size, 8ULL << 30);
	w.store = 6ULL << 40; /* no 32-bit step anywhere */
	w.store_verity = 0;
	w.disk = 0;
	plan(&w, &l);
	assert_int_equal(l.parts[PART_STORE_A].size, 8ULL << 40);
	assert_true(l.parts[PART_STORE_A_VERITY].size > (8ULL << 40) / 128 &&
		    l.parts[PART_STORE_A_VERITY].size < (8ULL << 40) / 120);
}

static void test_refused(void **state)
{
	struct layout_want w = want();

	(void)state;
	w.slot_root = 299 * MIB;
	refuse(&w, "disk layout: the root (300 MiB) does not fit its slot (299 MiB)");
	w = want();
	w.store_verity = 2 * MIB;
	refuse(&w, "disk layout: the hash tree of the store (2.0 MiB) does not fit its partition (1.0 MiB)");
	w = want();
	w.arch = "m68k";
	refuse(&w, "disk layout: no partition types for architecture \"m68k\"");
	w = want();
	w.root_hash = "0123";
	refuse(&w, "disk layout: \"0123\" is not a root hash");
	w = want();
	w.label = "a-name-that-is-too-long_1";
	refuse(&w, "disk layout: the label \"a-name-that-is-too-long_1_root_verity\" is longer than 36 characters");
	w = want();
	w.store = UINT64_MAX - 5;
	refuse(&w, "disk layout: the store is too large");
	w = want();
	w.esp = UINT64_MAX;
	refuse(&w, "disk layout: the ESP is too large");
	w = want();
	w.store = 3ULL << 61;
	w.store_verity = 0;
	refuse(&w, "disk layout: the store is too large");
	w = want();
	w.slot_store = 3ULL << 61;
	refuse(&w, "disk layout: the partitions are too large together");
	w = want();
	w.disk = UINT64_MAX;
	refuse(&w, "disk layout: the disk is too large");
}

static void test_guid(void **state)
{
	struct guid g, same;
	char text[GUID_TEXT];
	uint8_t disk[16];

	(void)state;
	assert_true(guid_parse("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", &g));
	guid_format(&g, text);
	assert_string_equal(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	guid_to_disk(&g, disk);
	assert_memory_equal(disk, "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b", 16);
	assert_false(guid_parse("c12a7328-f81f-11d2-ba4b00a0c93ec93b0", &g));
	assert_false(guid_parse("c12a7328", &g));
	assert_false(guid_parse("x12a7328f81f11d2ba4b00a0c93ec93b", &g));
	g = guid_derive("key", "disk");
	same = guid_derive("key", "disk");
	assert_memory_equal(&g, &same, sizeof g);
	same = guid_derive("keyd", "isk");
	assert_memory_not_equal(&g, &same, sizeof g);
}

/* sfdisk, an independent reader, sees the golden table and finds no fault with it. */
static void test_golden(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf dump = STRBUF_INIT, verify = STRBUF_INIT;
	char path[] = "/tmp/kiln-gpt-XXXXXX.raw"; /* after a digit sfdisk writes a p before the number */
	struct layout_want w = want();
	struct layout l;

	(void)state;
	plan(&w, &l);
	_cleanup_fd_ int fd = mkstemps(path, 4);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)l.size), 0);
	assert_int_equal(gpt_write(&l, fd, &err), 0);
	const char *argv[] = {"sfdisk", "--dump", path, NULL}, *check[] = {"sfdisk", "--verify", path, NULL};
	struct proc_opts opts = {.capture = &dump}, verify_opts = {.capture = &verify, .merge = true};
	int a = proc_run(argv, &opts, &err), b = proc_run(check, &verify_opts, &err);
	unlink(path);
	assert_int_equal(a, 0);
	assert_int_equal(b, 0);
	assert_non_null(strstr(verify.s, "No errors detected"));

	_cleanup_free_ char *golden = path_read("builder/tests/golden/gpt.dump", 65536, NULL, &err);
	assert_non_null(golden);
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	for (const char *s = dump.s; *s;) { /* the image's name differs from run to run */
		if (strncmp(s, path, strlen(path)) == 0) {
			strbuf_adds(&got, "IMAGE");
			s += strlen(path);
		} else {
			strbuf_addc(&got, *s++);
		}
	}
	char *device = strstr(got.s, "device: ");
	assert_non_null(device);
	memmove(device, strchr(device, '\n') + 1, strlen(strchr(device, '\n')));
	assert_string_equal(got.s, golden);
}

static void file(const char *dir, const char *name, char fill, size_t len)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, name), *data = xmalloc(len);

	memset(data, fill, len);
	assert_int_equal(path_write(path, data, len, 0644, &err), 0);
}

static void test_assemble(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char dir[] = "/tmp/kiln-disk-XXXXXX";
	struct layout_want w = want();
	struct layout l;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	const char *names[] = {"esp", "root", "rv", "store", "sv"};
	_cleanup_strvec_ struct strvec paths = STRVEC_INIT;
	for (size_t i = 0; i < 5; i++) {
		file(dir, names[i], (char)('A' + i), 8192);
		strvec_take(&paths, path_join(dir, names[i]));
	}
	_cleanup_free_ char *out = path_join(dir, "disk"), *none = path_join(dir, "none");
	struct disk_parts parts = {paths.v[0], paths.v[1], paths.v[2], paths.v[3], paths.v[4]};
	w.disk = 64ULL << 30;
	assert_int_equal(disk_assemble(&w, &parts, out, &l, &err), 0);
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_size, 64ULL << 30);
	assert_true(st.st_blocks * 512 < (off_t)MIB); /* sparse */
	_cleanup_fd_ int fd = open(out, O_RDONLY | O_CLOEXEC);
	const enum part_role roles[] = {PART_ESP, PART_ROOT_A, PART_ROOT_A_VERITY, PART_STORE_A, PART_STORE_A_VERITY};
	for (size_t i = 0; i < 5; i++) {
		char c[2] = "";
		assert_int_equal(pread(fd, c, 1, (off_t)l.parts[roles[i]].start + 8191), 1);
		assert_int_equal(c[0], 'A' + (int)i);
		assert_int_equal(pread(fd, c, 1, (off_t)l.parts[roles[i]].start + 8192), 1);
		assert_int_equal(c[0], 0);
	}
	/* A missing part leaves nothing behind. */
	unlink(out);
	parts.store_verity = none;
	assert_int_equal(disk_assemble(&w, &parts, out, NULL, &err), -1);
	assert_int_equal(access(out, F_OK), -1);
	assert_int_equal(path_remove(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_guid),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_assemble),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
