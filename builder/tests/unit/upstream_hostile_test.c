/* Layers that nobody should have made: refused by name, with nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tree/namespace.h"
#include "upstreamfix.h"
#include <cmocka.h>
#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Blobs by their digests are all that is left. */
static int teardown(void **state)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	DIR *d = opendir(up_dir);

	(void)state;
	for (const struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.' && strlen(e->d_name) != 64)
			strbuf_addf(&list, " %s", e->d_name);
	closedir(d);
	up_teardown(state);
	if (!list.len)
		return 0;
	fprintf(stderr, "left behind:%s\n", list.s);
	exit(1);
}

/* Index the blob: it fails with `want` (behind the layer's digest) and leaves no index; NULL: it succeeds. */
static void expect_layer(const struct up_layer *u, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *text = want ? xasprintf("layer sha256:%s: %s", u->l.digest, want) : NULL;
	int r = upstream_index(&u->l, &e);
	if (!want) {
		if (r)
			fail_msg("%s", e.msg);
		assert_int_equal(path_remove(u->index, &e), 0);
		return;
	}
	if (!r)
		fail_msg("accepted, expected: %s", want);
	assert_string_equal(e.msg, text);
	assert_int_equal(e.kind, ERR_VERIFY);
	assert_false(path_exists(u->index));
}

static void expect_tar(const struct strbuf *tar, const char *want)
{
	struct up_layer u;
	up_blob(&u, tar, tar);
	expect_layer(&u, want);
	up_layer_release(&u);
}

#define LONG_PART "part-of-forty-bytes-that-makes-a-name-lo"
static const struct {
	const char *lines, *want;
} members[] = {
	/* out of the layer, by name */
	{"f ../canary=x", "member \"../canary\": its path has \"..\""},
	{"f a/../../canary=x", "member \"a/../../canary\": its path has \"..\""},
	{"d a/..", "member \"a/..\": its path has \"..\""},
	{"f ./..=x", "member \"./..\": its path has \"..\""},
	{"f " CANARY "=x", "member \"" CANARY "\": its path is absolute"},
	{"f /" CANARY "=x", "member \"/" CANARY "\": its path is absolute"},
	{"f ./=x", "member \"./\": a file whose name ends in a slash"},
	{"l . -> " CANARIES, "member \".\": it stands for the root and is no directory"},
	{"f a/=x", "member \"a/\": a file whose name ends in a slash"},
	{"f a\033]0;title\007b/..=x", "member \"ab/..\": its path has \"..\""},
	/* through links and files */
	{"l up -> " CANARIES "\nf up/canary=x",
		"member \"up/canary\": a directory above it is a link or a file of the same layer"},
	{"f up/canary=x\nl up -> ../../canaries",
		"member \"up/canary\": a directory above it is a link or a file of the same layer"},
	{"l a -> b\nl a/b -> c\nf a/b/c=x",
		"member \"a/b\": a directory above it is a link or a file of the same layer"},
	{"f a=x\nf a/b=y", "member \"a/b\": a directory above it is a link or a file of the same layer"},
	{"f x=y\nh a -> x\nf a/b=y", "member \"a/b\": a directory above it is a link or a file of the same layer"},
	{"l a -> " CANARIES "\nf a/.wh.canary",
		"member \"a/canary\": a directory above it is a link or a file of the same layer"},
	{"l a -> " CANARIES "\nf a/.wh..wh..opq",
		"member \"a\": its opaque mark stands in a link or a file of the same layer"},
	/* hard links */
	{"h a -> ../../canary", "member \"a\": it is a hard link that leads out of the layer"},
	{"h a -> b/../../canary", "member \"a\": it is a hard link that leads out of the layer"},
	{"h a -> " CANARY, "member \"a\": it is a hard link to what the layer does not have"},
	{"h a -> b\nh b -> a", "member \"a\": it is a hard link without an end"},
	{"h a -> a", "member \"a\": it is a hard link without an end"},
	{"d d\nh a -> d", "member \"a\": it is a hard link to a directory"},
	{"f d/f=x\nh a -> d", "member \"a\": it is a hard link to a directory"},
	{"h a -> .", "member \"a\": it is a hard link to what the layer does not have"},
	{"f .wh.b\nh a -> .wh.b", "member \"a\": it is a hard link to what the layer does not have"},
	{"l up -> " CANARIES "\nh a -> up/canary", "member \"a\": it is a hard link to what the layer does not have"},
	/* whiteouts */
	{"f .wh...", "member \".wh...\": it is a whiteout of \"..\""},
	{"f .wh..", "member \".wh..\": it is a whiteout of \".\""},
	{"f a/.wh.", "member \"a/.wh.\": it is a whiteout of \"\""},
	{"f ../.wh.canary", "member \"../.wh.canary\": its path has \"..\""},
	{"f .wh.a=content", "member \".wh.a\": it is a whiteout, but not an empty file"},
	{"d .wh.a", "member \".wh.a\": it is a whiteout, but not an empty file"},
	{"l .wh.a -> b", "member \".wh.a\": it is a whiteout, but not an empty file"},
	{"f .wh.a/b=x", "member \".wh.a/b\": a directory above it is a whiteout"},
	{"f .wh..wh.plnk/12.34=x", "member \".wh..wh.plnk/12.34\": a directory above it is a whiteout"},
	{"f .wh..wh.aufs=x", "member \".wh..wh.aufs\": it is a whiteout, but not an empty file"},
	{"f .wh.a\nf ./.wh.a", "member \"a\": its whiteout is in the layer twice"},
	{"f d/.wh..wh..opq\nf d//.wh..wh..opq", "member \"d\": its opaque mark is in the layer twice"},
	/* twice */
	{"f a=1\nf a=2", "member \"a\": it is in the layer twice"},
	{"f a=1\nf ./a=2", "member \"a\": it is in the layer twice"},
	{"d d\nd d/", "member \"d\": it is in the layer twice"},
	{"f a=1\nl a -> " CANARY, "member \"a\": it is in the layer twice"},
	{"f pool/a=1\nf pool//./a=2", "member \"pool/a\": it is in the layer twice"},
	/* devices */
	{"b sda", "member \"sda\": it is the block device 8:1, which no container has by itself"},
	{"c devices/mem", "member \"devices/mem\": it is the character device 8:1, which no container has by itself"},
	/* too long */
	{"f " LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART "=x",
		"member \"" LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART
		"\": a part of its path is longer than 255 bytes"},
	/* and what is harmless */
	{"l a -> ../../../canary\nl b -> " CANARY "\np fifo\nf .wh..wh.orph", NULL},
	{"h b -> a\nf a=x\nh c -> b\nl s -> t\nh z -> s\nh y -> /a", NULL},
	{"", NULL},
};

static void hostile_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
		_cleanup_free_ char *want = members[i].want ? outside_text(members[i].want) : NULL;
		up_lines(&tar, members[i].lines);
		up_end(&tar);
		expect_tar(&tar, want);
	}
}

static void set_sum(char *h)
{
	unsigned sum = 0;
	char text[9];
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(text, sizeof text, "%06o", sum);
	memcpy(h + 148, text, 7);
}

/* One file "f" whose header has `n` bytes at `at` replaced. */
static void expect_header(size_t at, const void *bytes, size_t n, const char *want)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	up_lines(&tar, "f f");
	memcpy(tar.s + at, bytes, n);
	set_sum(tar.s);
	up_end(&tar);
	expect_tar(&tar, want);
}

static void hostile_headers(void **state)
{
	(void)state;
	expect_header(156, "S", 1, "member \"f\": it is a sparse file");
	expect_header(156, "7", 1, "member \"f\": it is of type 0x37, which no layer may have");
	expect_header(156, "M", 1, "member \"f\": it is of type 0x4d, which no layer may have");
	expect_header(156, "\xff", 1, "member \"f\": it is of type 0xff, which no layer may have");
	expect_header(156, "1", 1, "member \"f\": it is a link without a target");
	expect_header(156, "2", 1, "member \"f\": it is a link without a target");
	expect_header(156, "3", 1, "member \"f\": it is a device 0:0, which overlayfs takes for a whiteout");
	expect_header(0, "\0", 1, "a member without a name");
	expect_header(
		108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "member \"f\": its owner is not within 0 to 4294967294");
	expect_header(116, "\x80\0\0\0\xff\xff\xff\xff", 8, "member \"f\": its owner is not within 0 to 4294967294");
	expect_header(108, "12x4567", 7, "member \"f\": its owner is not within 0 to 4294967294");
	expect_header(124, "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, "member \"f\": its header is malformed");
	expect_header(
		124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "member \"f\": its header is malformed");
	expect_header(100, "rwxr-x", 6, "member \"f\": its header is malformed");
	/* The file takes what follows for its content. */
	expect_header(124, "77777777777", 11, "the archive ends within a member, at byte 1536");
	/* These are odd and right. */
	expect_header(156, "\0", 1, NULL);
	expect_header(257, "\0\0\0\0\0\0\0\0", 8, NULL);
	expect_header(136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0", 12, NULL);
}

/* An extended header of that type and content before the file "f". */
static void add_record(struct strbuf *tar, char type, const void *data, size_t n)
{
	up_member(tar, &(struct tar_member){.name = "x", .type = type, .size = n}, data);
}

static void expect_record(char type, const void *data, size_t n, const char *want)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	add_record(&tar, type, data, n);
	up_lines(&tar, "f f");
	up_end(&tar);
	expect_tar(&tar, want);
}
#define PAX(text, want) expect_record('x', text, sizeof text - 1, want)

static void hostile_records(void **state)
{
	(void)state;
	static const char malformed[] = "an extended header has a malformed record";
	PAX("17 path=../canary\n", malformed); /* one byte less than it says */
	PAX("18 path=../canary\n", "member \"../canary\": its path has \"..\"");
	PAX("13 path=/abc\n", "member \"/abc\": its path is absolute");
	PAX("10 path=a\0b\n", malformed);
	PAX("99999999999999999999 path=a\n", malformed);
	PAX("0 path=a\n", malformed);
	PAX("path=a\n", malformed);
	PAX("-9 path=a\n", malformed);
	PAX("7 path\n", malformed);
	PAX("6 =ab\n", malformed);
	PAX("9 uid=-1\n", malformed);
	PAX("18 uid=4294967295\n", "member \"f\": its owner is not within 0 to 4294967294");
	PAX("27 gid=1844674407370955161\n", "member \"f\": its owner is not within 0 to 4294967294");
	PAX("10 size=-1\n", malformed);
	PAX("28 size=9223372036854775808\n", "member \"f\": its size is impossible");
	PAX("12 mtime=1x\n", malformed);
	PAX("22 GNU.sparse.major=1\n", "an extended header of a sparse file");
	PAX("37 SCHILY.xattr.security.capability=\n", NULL);
	PAX("38 SCHILY.xattr.security.capability=x\n", "attribute security.capability is malformed");
	/* Marks that a layer must not forge are left out. */
	PAX("39 SCHILY.xattr.trusted.overlay.opaque=y\n", malformed);
	PAX("41 SCHILY.xattr.trusted.overlay.opaque=y\n", NULL);
	PAX("19 mtime=-1.500000\n", NULL);
	PAX("", NULL);
	_cleanup_free_ char *big = xcalloc(1, 2 << 20);
	expect_record('x', big, (1 << 20) + 1, "an extended header of 1048577 bytes: the limit is 1048576");
	memset(big, 'a', 2 << 20);
	expect_record('L', big, (1 << 20) + 1, "an extended header of 1048577 bytes: the limit is 1048576");
	big[300] = '\0';
	expect_record('L', big, 301,
		"member \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": a part of its path is longer than 255 bytes");
}

/* Headers by the dozen, none of which belongs to a member. */
static void many_records(void **state)
{
	(void)state;
	_cleanup_free_ char *big = xcalloc(1, 1 << 20);
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, twice = STRBUF_INIT, alone = STRBUF_INIT, attrs = STRBUF_INIT;
	for (size_t i = 0; i < 5; i++)
		add_record(&tar, 'g', big, 1 << 20);
	expect_tar(&tar, "more than 4194304 bytes of headers for one member");
	add_record(&twice, 'x', "11 path=ab\n", 11);
	add_record(&twice, 'x', "11 path=cd\n", 11);
	expect_tar(&twice, "two extended headers for one member");
	twice.len /= 2;
	add_record(&twice, 'g', "11 path=cd\n", 11);
	expect_tar(&twice, "two extended headers for one member");
	add_record(&alone, 'x', "11 path=ab\n", 11);
	expect_tar(&alone, "the archive ends within a member, at byte 1024");
	up_end(&alone);
	expect_tar(&alone, "an extended header without its member");
	for (size_t i = 0; i < 257; i++)
		strbuf_addf(&attrs, "29 SCHILY.xattr.user.a%03zu=xy\n", i);
	expect_record('x', attrs.s, attrs.len, "more than 256 extended attributes");
}

static void cut_and_long(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, other = STRBUF_INIT;
	up_lines(&tar, "f f=0123456789\nd d");
	size_t whole = tar.len;
	expect_tar(&tar, NULL); /* the end blocks may be missing */
	tar.len = 600;
	expect_tar(&tar, "the archive ends within a member, at byte 600");
	tar.len = whole - 1;
	expect_tar(&tar, "the archive ends within a member, at byte 1535");
	tar.len = whole;
	tar.s[whole - 500]++;
	expect_tar(&tar, "no header of a tar archive at byte 1024");
	up_lines(&other, "f f");
	up_end(&other);
	up_lines(&other, "f hidden=x");
	expect_tar(&other, "data after the end of the archive");
	other.len = 1536;
	_cleanup_free_ char *zeros = xcalloc(1, 1 << 20);
	strbuf_add(&other, zeros, 1 << 20);
	expect_tar(&other, "more than 1048576 bytes after the end of the archive");
	strbuf_reset(&other);
	strbuf_adds(&other, "<!DOCTYPE html><title>404</title>");
	expect_tar(&other, "the archive ends within a member, at byte 33");
	while (other.len < 600)
		strbuf_adds(&other, " not found");
	expect_tar(&other, "no header of a tar archive at byte 0");
}

static void wrong_bytes(void **state)
{
	(void)state;
	static const char zero[HASH_HEX] = "0000000000000000000000000000000000000000000000000000000000000000";
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, gz = STRBUF_INIT, zst = STRBUF_INIT, bad = STRBUF_INIT;
	up_lines(&tar, "f f=0123456789\nd d");
	up_end(&tar);
	up_pack(&gz, tar.s, tar.len, ARCHIVE_FILTER_GZIP);
	up_pack(&zst, tar.s, tar.len, ARCHIVE_FILTER_ZSTD);
	struct up_layer u;
	up_blob(&u, &gz, &tar);
	expect_layer(&u, NULL);
	_cleanup_free_ char *digest =
		xasprintf("its content is sha256:%s, but the config has sha256:%s", u.diff_id, zero);
	u.l.diff_id = zero;
	expect_layer(&u, digest);
	u.l.diff_id = u.diff_id;
	u.l.digest = zero;
	_cleanup_free_ char *blob = xasprintf("the blob is sha256:%s", u.digest);
	expect_layer(&u, blob);
	u.l.digest = u.digest;
	u.l.size++;
	_cleanup_free_ char *size = xasprintf("the blob has %zu bytes, but the manifest has %zu", gz.len, gz.len + 1);
	expect_layer(&u, size);
	u.l.size -= 2;
	_cleanup_free_ char *larger = xasprintf("the blob has %zu bytes, but the manifest has %zu", gz.len, gz.len - 1);
	expect_layer(&u, larger);
	up_layer_release(&u);
	/* A bit that fell over is the digest's business, whatever the decompressor makes of it. */
	for (size_t at = 0; at < gz.len; at += 7) {
		strbuf_reset(&bad);
		strbuf_add(&bad, gz.s, gz.len);
		bad.s[at] ^= 0x10;
		up_blob(&u, &bad, &tar);
		char hex[HASH_HEX];
		hash_bytes(gz.s, gz.len, hex);
		u.l.digest = hex;
		_cleanup_free_ char *want = xasprintf("the blob is sha256:%s", u.digest);
		expect_layer(&u, want);
		up_layer_release(&u);
	}
	for (int form = 0; form < 2; form++) {
		const struct strbuf *from = form ? &zst : &gz;
		strbuf_reset(&bad);
		strbuf_add(&bad, from->s, from->len - 20); /* cut before it was hashed */
		up_blob(&u, &bad, &tar);
		expect_layer(&u, "its compressed data is damaged or ends early");
		up_layer_release(&u);
		strbuf_reset(&bad);
		strbuf_add(&bad, from->s, from->len);
		strbuf_adds(&bad, "and then some");
		up_blob(&u, &bad, &tar);
		expect_layer(&u, form ? "its compressed data is damaged or ends early"
				      : "data after the end of its compressed data");
		up_layer_release(&u);
	}
}

static void bombs(void **state)
{
	(void)state;
	size_t n = 80 << 20;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, packed = STRBUF_INIT;
	_cleanup_free_ char *zeros = xcalloc(1, n);
	tar_header(&tar, &(struct tar_member){.name = "zeros", .type = '0', .mode = 0644, .size = n});
	strbuf_add(&tar, zeros, n);
	up_end(&tar);
	for (int form = 0; form < 2; form++) {
		struct up_layer u;
		strbuf_reset(&packed);
		up_pack(&packed, tar.s, tar.len, form ? ARCHIVE_FILTER_ZSTD : ARCHIVE_FILTER_GZIP);
		up_blob(&u, &packed, &tar);
		_cleanup_free_ char *size = xstrdup(str_bytes(packed.len));
		_cleanup_free_ char *want =
			xasprintf("it unpacks to more than 64.0 MiB, the limit for a blob of %s", size);
		_cleanup_free_ char *said =
			xasprintf("it unpacks to more than 1.0 MiB, the limit for a blob of %s", size);
		expect_layer(&u, want);
		u.l.diff_size = 1 << 20; /* the lock knows better */
		expect_layer(&u, said);
		u.l.diff_size = tar.len;
		expect_layer(&u, NULL);
		up_layer_release(&u);
	}
}

/* Directories within directories without end: a layer of 4 MB that names gigabytes. */
static void deep_paths(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, name = STRBUF_INIT;
	for (size_t i = 0; i < 400; i++) {
		strbuf_reset(&name);
		strbuf_addf(&name, "%04zu", i);
		while (name.len < 4080)
			strbuf_adds(&name, "/a");
		up_member(&tar, &(struct tar_member){.name = name.s, .type = '5', .mode = 0755}, "");
	}
	up_end(&tar);
	expect_tar(&tar, "its names and attributes take more than 256 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_members), cmocka_unit_test(hostile_headers),
		cmocka_unit_test(hostile_records), cmocka_unit_test(many_records), cmocka_unit_test(cut_and_long),
		cmocka_unit_test(wrong_bytes), cmocka_unit_test(bombs), cmocka_unit_test(deep_paths)};
	return cmocka_run_group_tests_name("hostile layers", tests, up_setup, teardown);
}
