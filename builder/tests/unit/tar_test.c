/* The tar writer: fixed bytes, and the same meaning to another implementation (libarchive). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/mem.h"
#include "tree/tar.h"
#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct memory_sink {
	struct tar_sink sink;
	struct strbuf data;
};

static int to_memory(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	(void)err;
	strbuf_add(&((struct memory_sink *)s)->data, data, n);
	return 0;
}

static void expect_sha256(const struct strbuf *b, const char *want)
{
	char hex[HASH_HEX];
	hash_bytes(b->s, b->len, hex);
	assert_string_equal(hex, want);
}

/* Every field at its usual place, in octal, with the sum of all bytes. */
static void plain_header(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	tar_header(&b, &(struct tar_member){.name = "etc/passwd",
			       .type = '0',
			       .mode = 0644,
			       .uid = 1000,
			       .gid = 1001,
			       .size = 1234,
			       .mtime = 1700000000});
	assert_int_equal(b.len, 512);
	assert_string_equal(b.s, "etc/passwd");
	assert_string_equal(b.s + 100, "0000644");
	assert_string_equal(b.s + 108, "0001750");
	assert_string_equal(b.s + 116, "0001751");
	assert_string_equal(b.s + 124, "00000002322");
	assert_string_equal(b.s + 136, "14524770400");
	assert_memory_equal(b.s + 148, "011300\0 ", 8);
	assert_int_equal(b.s[156], '0');
	assert_memory_equal(b.s + 257, "ustar\00000", 8);
	assert_string_equal(b.s + 329, "0000000");
}

/* The length of a record counts its own digits, also where they become one more. */
static void record_lengths(void **state)
{
	(void)state;
	for (size_t n = 0; n < 1200; n++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		_cleanup_free_ char *value = xcalloc(n + 1, 1);
		memset(value, 'v', n);
		const struct xattr x = {(char *)"user.a", value, n};
		tar_header(&b, &(struct tar_member){.name = "f", .type = '0', .xattrs = &x, .n_xattrs = 1});
		char *end;
		unsigned long len = strtoul(b.s + 512, &end, 10);
		assert_int_equal(*end, ' ');
		assert_int_equal(b.s[512 + len - 1], '\n');
		if (len % 512)
			assert_int_equal(b.s[512 + len], '\0');
		assert_int_equal(strtoul(b.s + 124, NULL, 8), len);
		assert_int_equal(b.len % 512, 0);
	}
}

/* Whether a field needs the extended header: exactly at its limit and one beyond. */
static void extended_only_where_needed(void **state)
{
	(void)state;
	char name[102] = {0};
	memset(name, 'n', 100);
	static const struct {
		struct tar_member m;
		size_t blocks;
	} cases[] = {
		{{.uid = 07777777}, 1},
		{{.uid = 010000000}, 3},
		{{.gid = 07777777}, 1},
		{{.gid = UINT32_MAX}, 3},
		{{.size = 077777777777}, 1},
		{{.size = 0100000000000}, 3},
		{{.mtime = 077777777777}, 1},
		{{.mtime = 0100000000000}, 3},
		{{.name = "caf\xc3\xa9"}, 3},
		{{.name = "raw\xff"}, 3},
		{{.type = '2', .link = "\xc3\xa9"}, 3},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		struct tar_member m = cases[i].m;
		m.name = m.name ? m.name : name;
		m.type = m.type ? m.type : '0';
		tar_header(&b, &m);
		assert_int_equal(b.len, cases[i].blocks * 512);
	}
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	name[100] = 'n';
	tar_header(&b, &(struct tar_member){.name = name, .type = '0'});
	assert_int_equal(b.len, 3 * 512);
}

static const char odd_name[] = "d/caf\xc3\xa9 \"q\"\\\xff";
static const char cap[20] = {1, 0, 0, 2, 0, 4};

static void write_members(struct tar_out *t)
{
	struct err e = ERR_INIT;
	char target[3001] = {0}, deep[400] = {0};
	memset(target, 't', 3000);
	memset(deep, 'p', 399);
	const struct xattr attrs[] = {
		{(char *)"security.capability", (char *)cap, 20}, {(char *)"user.note", (char *)"a\nb\0c", 5}};
	assert_int_equal(tar_dir(t, "d/", 01777, 5, &e), 0);
	assert_int_equal(tar_file(t, odd_name, 1, "hello", 5, &e), 0);
	struct tar_member m[] = {
		{.name = "caps",
			.type = '0',
			.mode = 04755,
			.uid = 3000000,
			.gid = 2100000000,
			.xattrs = attrs,
			.n_xattrs = 2,
			.size = 512},
		{.name = "hard", .type = '1', .link = odd_name},
		{.name = "sym", .type = '2', .mode = 0777, .link = target},
		{.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3},
		{.name = "disk", .type = '4', .mode = 0660, .major = 259, .minor = 70000},
		{.name = "fifo", .type = '6', .mode = 0622},
		{.name = deep, .type = '0', .mtime = UINT32_MAX},
	};
	char block[512] = "content";
	for (size_t i = 0; i < ARRAY_SIZE(m); i++)
		assert_int_equal(tar_add(t, &m[i], block, &e), 0);
	assert_int_equal(tar_end(t, &e), 0);
}

static struct archive_entry *next(struct archive *a)
{
	struct archive_entry *e;
	int r = archive_read_next_header(a, &e);
	assert_true(r == ARCHIVE_OK || r == ARCHIVE_WARN); /* it warns of names that are not UTF-8 */
	return e;
}

static void read_members(struct archive *a)
{
	struct archive_entry *e = next(a);
	assert_string_equal(archive_entry_pathname(e), "d/");
	assert_int_equal(archive_entry_mode(e), S_IFDIR | 01777);
	e = next(a);
	assert_string_equal(archive_entry_pathname(e), odd_name);
	assert_int_equal(archive_entry_size(e), 5);
	e = next(a);
	assert_int_equal(archive_entry_mode(e), S_IFREG | 04755);
	assert_int_equal(archive_entry_uid(e), 3000000);
	assert_int_equal(archive_entry_gid(e), 2100000000);
	assert_int_equal(archive_entry_xattr_reset(e), 2);
	const char *key;
	const void *value;
	size_t n;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(archive_entry_xattr_next(e, &key, &value, &n), ARCHIVE_OK);
		if (!strcmp(key, "security.capability"))
			assert_memory_equal(value, cap, 20);
		else
			assert_memory_equal(value, "a\nb\0c", 5);
	}
	e = next(a);
	assert_string_equal(archive_entry_hardlink(e), odd_name);
	e = next(a);
	assert_int_equal(strlen(archive_entry_symlink(e)), 3000);
	e = next(a);
	assert_int_equal(archive_entry_rdevmajor(e), 1);
	assert_int_equal(archive_entry_rdevminor(e), 3);
	e = next(a);
	assert_int_equal(archive_entry_rdevmajor(e), 259);
	assert_int_equal(archive_entry_rdevminor(e), 70000);
	e = next(a);
	assert_int_equal(archive_entry_mode(e), S_IFIFO | 0622);
	e = next(a);
	assert_int_equal(strlen(archive_entry_pathname(e)), 399);
	assert_int_equal(archive_entry_mtime(e), UINT32_MAX);
	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_EOF);
}

static void others_read_the_same(void **state)
{
	(void)state;
	struct memory_sink s = {.sink.write = to_memory};
	struct tar_out t = {.sink = &s.sink};
	write_members(&t);
	assert_int_equal(t.bytes, s.data.len);
	assert_int_equal(t.members, 9);
	assert_int_equal(t.inodes, 8);
	assert_int_equal(s.data.len % 512, 0);
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_memory(a, s.data.s, s.data.len), ARCHIVE_OK);
	read_members(a);
	archive_read_free(a);
	expect_sha256(&s.data, "1253b3b7e54c52144b2e2af18edc5010da25b22cbaaa24e74c887a2e8d08245c");
	tar_release(&t);
	strbuf_release(&s.data);
}

/* Over 8 GiB without writing it: the header says the size, and libarchive believes it. */
static void huge_file(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint64_t size = (20ULL << 30) + 7;
	tar_header(&b, &(struct tar_member){.name = "huge", .type = '0', .size = size});
	assert_int_equal(tar_padding(size), 505);
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_memory(a, b.s, b.len), ARCHIVE_OK);
	assert_int_equal(archive_entry_size(next(a)), size);
	archive_read_free(a);
}

static void short_content(void **state)
{
	(void)state;
	struct memory_sink s = {.sink.write = to_memory};
	struct tar_out t = {.sink = &s.sink};
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_fd_ int fd = open("/dev/null", O_RDONLY);
	assert_int_equal(tar_add_fd(&t, &(struct tar_member){.name = "x/y", .type = '0', .size = 1}, fd, &e), -1);
	assert_string_equal(e.msg, "x/y: became shorter while it was read");
	tar_release(&t);
	strbuf_release(&s.data);
}

static void full_device(void **state)
{
	(void)state;
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_fd_ int fd = open("/dev/full", O_WRONLY);
	struct tar_fd_sink s;
	tar_fd_sink_init(&s, fd);
	struct tar_out t = {.sink = &s.sink};
	assert_int_equal(tar_end(&t, &e), -1);
	assert_string_equal(e.msg, "writing an archive: No space left on device");
	tar_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_header),
		cmocka_unit_test(record_lengths),
		cmocka_unit_test(extended_only_where_needed),
		cmocka_unit_test(others_read_the_same),
		cmocka_unit_test(huge_file),
		cmocka_unit_test(short_content),
		cmocka_unit_test(full_device),
	};
	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}
