/* The initrd's parts: module closure over depmod's tables, the cpio archive byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "boot/cpio.h"
#include "boot/initrd.h"
#include "boot/kmod.h"
#include "boot/microcode.h"
#include "boot/uki.h"
#include <cmocka.h>
#include <unistd.h>

#include "scratch.h"

static const char dep[] = "kernel/fs/ext4/ext4.ko.xz: kernel/lib/libcrc32c.ko.xz kernel/fs/jbd2/jbd2.ko.xz\n"
			  "kernel/lib/libcrc32c.ko.xz:\n"
			  "kernel/fs/jbd2/jbd2.ko.xz:\n"
			  "kernel/crypto/crc32c_generic.ko.xz:\n"
			  "kernel/arch/x86/crypto/crc32c-intel.ko.xz:\n"
			  "kernel/drivers/block/virtio_blk.ko.xz:\n"
			  "kernel/a.ko: kernel/b.ko\n"
			  "kernel/b.ko:\n"
			  "kernel/unrelated.ko.xz:\n";
static const char soft[] = "# comment\n"
			   "softdep libcrc32c pre: crypto-crc32c\n"
			   "softdep b post: a\n"
			   "softdep ext4 pre: crypto-none\n";
static const char alias[] = "# comment\n"
			    "alias crypto-crc32c crc32c_generic\n"
			    "alias crypto-crc32c crc32c-intel\n"
			    "alias virtio:d00000002v* virtio_blk\n"
			    "alias pci:v*d*sv*sd*bc01sc08i02* unrelated\n"
			    "alias fs-ext4 ext4\n";
static const char builtin[] = "kernel/drivers/virtio/virtio-pci.ko\nkernel/fs/efivarfs/efivarfs.ko\n";

static void need(struct kmods *k, const char *name)
{
	_cleanup_err_ struct err err = ERR_INIT;

	if (kmods_need(k, name, false, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_closure(void **state)
{
	_cleanup_kmods_ struct kmods k = {0};
	_cleanup_strbuf_ struct strbuf deps = STRBUF_INIT, aliases = STRBUF_INIT;

	(void)state;
	kmods_parse(&k, dep, soft, alias, builtin);
	need(&k, "ext4");
	need(&k, "virtio-blk"); /* both spellings */
	need(&k, "virtio_pci"); /* built in */
	need(&k, "a");		/* a circle: a needs b, b softly a */
	kmods_dep_table(&k, &deps);
	assert_string_equal(deps.s, "a: b\n"
				    "b: a\n"
				    "crc32c_generic:\n"
				    "crc32c_intel:\n"
				    "ext4: libcrc32c jbd2\n"
				    "jbd2:\n"
				    "libcrc32c: crc32c_generic crc32c_intel\n"
				    "virtio_blk:\n");
	kmods_alias_table(&k, &aliases);
	assert_string_equal(aliases.s, "virtio:d00000002v* virtio_blk\n");
}

static void test_unknown(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_kmods_ struct kmods k = {0};

	(void)state;
	kmods_parse(&k, dep, soft, alias, builtin);
	assert_int_equal(kmods_need(&k, "megaraid_sas", true, &err), 0);
	assert_int_equal(kmods_need(&k, "virtio_blc", false, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.msg, "kernel module \"virtio_blc\": this kernel has none of that name");
	assert_string_equal(err.hint, "did you mean \"virtio_blk\"? A name that only some kernels have ends in '?'");
	assert_int_equal(kmods_need(&k, "megaraid_sas", false, &err), -1);
	assert_string_equal(err.hint, "a name that only some kernels have ends in '?'");
}

static void test_odd_tables(void **state)
{
	_cleanup_kmods_ struct kmods k = {0};
	_cleanup_strbuf_ struct strbuf deps = STRBUF_INIT;

	(void)state;
	kmods_parse(&k, "\n:\nno colon\nkernel/x.ko:kernel/missing.ko", "softdep\nsoftdep x\nother x\n",
		"alias\nalias x\nalias  x\nalias a b c\n", "");
	need(&k, "x");
	kmods_dep_table(&k, &deps);
	assert_string_equal(deps.s, "x:\n");
}

static void test_cpio_golden(void **state)
{
	_cleanup_cpio_ struct cpio c = {0};
	static const char want[] = "070701000000010000"	  /* inode 1 */
				   "41ED0000000000000000" /* mode, owner */
				   "000000020000000000000000000000000000000000000000000000000000000400000000dev\0";

	(void)state;
	cpio_add(&c, "dev", S_IFDIR | 0755, NULL, 0);
	assert_int_equal(c.b.len, 116);
	assert_memory_equal(c.b.s, want, sizeof want - 1);
	cpio_add_device(&c, "dev/console", S_IFCHR | 0600, 5, 1);
	assert_memory_equal(c.b.s + 116, "07070100000002000021800000000000000000000000010000000000000000", 62);
	cpio_add(&c, "a", S_IFREG | 0644, "12345", 5);
	cpio_end(&c);
	assert_int_equal(c.b.len % 512, 0);
}

/* GNU cpio, an independent reader, sees the same. */
static void test_cpio_read(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cpio_ struct cpio c = {0};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	char path[] = "/tmp/kiln-cpio-XXXXXX";

	(void)state;
	_cleanup_free_ char *tool = proc_which("bsdtar");
	if (!tool)
		tool = proc_which("cpio");
	if (!tool)
		skip();
	cpio_add(&c, "m", S_IFDIR | 0755, NULL, 0);
	cpio_add_device(&c, "console", S_IFCHR | 0600, 5, 1);
	cpio_add(&c, "m/a-name-of-odd-length", S_IFREG | 0644, "123", 3);
	cpio_add(&c, "init", S_IFREG | 0755, "x", 1);
	cpio_end(&c);
	_cleanup_fd_ int fd = mkstemp(path);
	assert_int_equal(fd_write_all(fd, c.b.s, c.b.len), 0);
	bool bsd = strcmp(path_base(tool), "bsdtar") == 0;
	const char *bsd_argv[] = {"bsdtar", "-tvf", path, NULL}, *argv[] = {"cpio", "-itv", "-F", path, NULL};
	struct proc_opts opts = {.capture = &out};
	int r = proc_run(bsd ? bsd_argv : argv, &opts, &err);
	unlink(path);
	assert_int_equal(r, 0);
	assert_non_null(strstr(out.s, "drwxr-xr-x"));
	assert_non_null(strstr(out.s, "crw-------"));
	assert_non_null(strstr(out.s, "m/a-name-of-odd-length\n"));
	assert_non_null(strstr(out.s, "init\n"));
	assert_null(strstr(out.s, "TRAILER"));
}

static void put(const char *path, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *full = scratch_path(path);
	_cleanup_free_ char *parent = path_dir(full);

	if (path_mkdirs(parent, &err) < 0 || path_write(full, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Two layers; the nearer one's file counts, names are in order, what is called otherwise stays out. */
static void test_microcode(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cpio_ struct cpio got = {0}, want = {0}, none = {0}, failed = {0};
	struct kv pairs[] = {{.key = "GenuineIntel", .value = "/usr/lib/firmware/intel-ucode/*"},
		{.key = "AuthenticAMD", .value = "/usr/lib/firmware/amd-ucode/microcode_amd*.bin"},
		{.key = "Nobody", .value = "/usr/lib/firmware/none/*"}};
	const struct kv_list both = {pairs, 2}, all = {pairs, 3}, empty = {NULL, 0};

	(void)state;
	put("upper/usr/lib/firmware/intel-ucode/06-55-04", "near");
	put("upper/usr/lib/firmware/intel-ucode/.hidden", "x");
	put("lower/usr/lib/firmware/intel-ucode/06-55-04", "far");
	put("lower/usr/lib/firmware/intel-ucode/06-4f-01", "first");
	put("lower/usr/lib/firmware/intel-ucode/06-55-0b", "last");
	put("lower/usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin", "zen");
	put("lower/usr/lib/firmware/amd-ucode/README", "x");
	const char *lowers[] = {scratch_path("upper"), scratch_path("lower"), NULL};
	if (microcode_archive(&got, lowers, &both, &err) < 0)
		fail_msg("%s", err.msg);
	cpio_add(&want, "kernel", S_IFDIR | 0755, NULL, 0);
	cpio_add(&want, "kernel/x86", S_IFDIR | 0755, NULL, 0);
	cpio_add(&want, "kernel/x86/microcode", S_IFDIR | 0755, NULL, 0);
	cpio_add(&want, "kernel/x86/microcode/GenuineIntel.bin", S_IFREG | 0644, "firstnearlast", 13);
	cpio_add(&want, "kernel/x86/microcode/AuthenticAMD.bin", S_IFREG | 0644, "zen", 3);
	cpio_end(&want);
	assert_int_equal(got.b.len, want.b.len);
	assert_memory_equal(got.b.s, want.b.s, want.b.len);
	assert_int_equal(microcode_archive(&none, lowers, &empty, &err), 0);
	assert_int_equal(none.b.len, 0);
	assert_int_equal(microcode_archive(&failed, lowers, &all, &err), -1);
	assert_string_equal(err.msg, "microcode Nobody: the OS tree has no /usr/lib/firmware/none/*");
}

/* The kernel looks for it at the begin of the initrd, and only in what is not compressed. */
static void test_microcode_in_front(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cpio_ struct cpio early = {0};
	struct kv pair = {.key = "AuthenticAMD", .value = "/usr/lib/firmware/amd-ucode/*"};
	const struct kv_list wanted = {&pair, 1};
	static const char compressed[] = "(\xb5/\xfd and so on";
	size_t len;

	(void)state;
	put("tree/usr/lib/firmware/amd-ucode/microcode_amd.bin", "zen");
	put("work/initrd", compressed);
	const char *lowers[] = {scratch_path("tree"), NULL};
	assert_int_equal(microcode_archive(&early, lowers, &wanted, &err), 0);
	const char *work = scratch_path("work");
	if (initrd_put_before(&early, work, &err) < 0)
		fail_msg("%s", err.msg);
	_cleanup_free_ char *whole = path_read(scratch_path("work/whole"), 1 << 20, &len, &err);
	assert_non_null(whole);
	assert_int_equal(len, early.b.len + strlen(compressed));
	assert_memory_equal(whole, early.b.s, early.b.len);
	assert_memory_equal(whole, "070701", 6);
	assert_non_null(memmem(whole, early.b.len, "kernel/x86/microcode/AuthenticAMD.bin", 37));
	assert_memory_equal(whole + early.b.len, compressed, strlen(compressed));
	assert_int_equal(early.b.len % 4, 0); /* or the kernel does not find what follows */
	assert_int_equal(initrd_put_before(&early, work, &err), -1);
}

static void test_cmdline(void **state)
{
	_cleanup_free_ char *line = uki_cmdline("aa", "bb", 7, "console=ttyS0"),
			    *bare = uki_cmdline("aa", "bb", 7, NULL);

	(void)state;
	assert_string_equal(
		line, "kiln.root=aa kiln.store=bb kiln.epoch=7 gpt systemd.gpt_auto=no panic=30 quiet console=ttyS0");
	assert_string_equal(bare, "kiln.root=aa kiln.store=bb kiln.epoch=7 gpt systemd.gpt_auto=no panic=30 quiet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closure),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_odd_tables),
		cmocka_unit_test(test_cpio_golden),
		cmocka_unit_test(test_cpio_read),
		cmocka_unit_test_setup_teardown(test_microcode, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_microcode_in_front, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_cmdline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
