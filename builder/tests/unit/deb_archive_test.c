/* Reading of .debs: what they hold arrives as it is, and hostile ones are refused with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/path.h"
#include "deb/archive.h"
#include "deb_build.h"
#include "scratch.h"
#include "tree/namespace.h"
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL "Package: hello\nVersion: 1\nArchitecture: all\n"
#define LIST(...) (const struct deb_entry[]){__VA_ARGS__}, ARRAY_SIZE(((const struct deb_entry[]){__VA_ARGS__}))
#define ROOT                                                                                                           \
	{                                                                                                              \
		.path = "./", .type = AE_IFDIR                                                                         \
	}

struct job {
	const char *deb, *out, *sha256;
};

static int unpack(void *arg, struct err *err)
{
	struct job *j = arg;

	if (mkdir(j->out, 0755) < 0)
		return err_sys(err, errno, "make %s", j->out);
	_cleanup_fd_ int fd = open(j->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return deb_unpack(j->deb, j->sha256, fd, err);
}

/* Unpack `deb` into dir/out; the message of the error without the package's path, or NULL. */
static char *try_deb(const struct strbuf *deb, const char *sha256)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, "x.deb"), *out = path_join(dir, "out");
	struct job j = {path, out, sha256};

	assert_int_equal(ns_remove(out, &e), 0);
	assert_int_equal(path_write(path, strbuf_cstr(deb), deb->len, 0644, &e), 0);
	if (ns_call(unpack, &j, &e) == 0)
		return NULL;
	assert_true(str_starts(e.msg, path));
	return xstrdup(e.msg + strlen(path) + 2);
}

static void refuse(const struct strbuf *deb, const char *message)
{
	_cleanup_free_ char *got = try_deb(deb, NULL);

	if (!got)
		fail_msg("accepted; expected: %s", message);
	assert_string_equal(got, message);
}

/* Refuse a package whose data.tar holds these entries; the message goes on behind "data.tar.xz: ". */
static void refuse_data(const struct deb_entry *e, size_t n, const char *message)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	_cleanup_free_ char *whole = xasprintf("data.tar.xz: %s", message);

	deb_make(&deb, CONTROL, e, n);
	refuse(&deb, whole);
}

static void refuse_control(const struct deb_entry *e, size_t n, const char *message)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	_cleanup_free_ char *whole = xasprintf("control.tar.gz: %s", message);

	deb_begin(&deb, "2.0\n");
	deb_add_tar(&deb, "control.tar.gz", e, n);
	refuse(&deb, whole);
}

static void check_tree(const char *suffix)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *data = xasprintf("data.tar%s", suffix), *control = xasprintf("control.tar%s", suffix);
	char longname[201] = {0};

	memset(longname, 'n', 200);
	_cleanup_free_ char *deep = xasprintf("./pool/%s", longname);
	const struct deb_entry c[] = {ROOT, {.path = "./control", .type = AE_IFREG, .text = CONTROL},
		{.path = "./postinst", .type = AE_IFREG, .text = "#!/bin/sh\n", .mode = 0755}};
	const struct deb_entry d[] = {ROOT, {.path = "./pool/", .type = AE_IFDIR, .mode = 02755, .gid = 50},
		{.path = "./pool/a", .type = AE_IFREG, .text = "alpha", .mode = 04755, .uid = 65534, .gid = 8},
		{.path = "./pool/b", .type = 0, .text = "./pool/a"},
		{.path = "./pool/l", .type = AE_IFLNK, .text = "../../canary"},
		{.path = deep, .type = AE_IFREG, .text = ""}};
	deb_begin(&deb, "2.0\n");
	deb_add_tar(&deb, control, c, ARRAY_SIZE(c));
	strbuf_addf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\nsig\n", "_gpgorigin", 0, 0, 0, "100644", 3);
	deb_add_tar(&deb, data, d, ARRAY_SIZE(d));
	_cleanup_free_ char *why = try_deb(&deb, NULL);
	if (why)
		fail_msg("%s: %s", suffix, why);
	_cleanup_free_ char *list = path_join(dir, "out/list"), *script = path_join(dir, "out/control/postinst");
	_cleanup_free_ char *text = path_read(list, 4096, NULL, &e),
			    *want = xasprintf("/.\n/pool\n/pool/a\n/pool/b\n/pool/l\n/pool/%s\n", longname);
	assert_string_equal(text, want);
	struct stat st;
	assert_int_equal(stat(script, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

/* Owners are those inside of the namespace. */
static int look(void *arg, struct err *err)
{
	struct stat a, b, u, l;
	char to[64];

	if (chdir(arg) < 0 || lstat("out/data/pool/a", &a) < 0 || lstat("out/data/pool/b", &b) < 0 ||
		lstat("out/data/pool", &u) < 0 || lstat("out/data/pool/l", &l) < 0)
		return err_sys(err, errno, "look");
	ssize_t n = readlink("out/data/pool/l", to, sizeof to);
	if (n != 12 || strncmp(to, "../../canary", 12) != 0)
		return err_set(err, ERR_TEST, "link");
	if (a.st_ino != b.st_ino || a.st_uid != 65534 || a.st_gid != 8 || (a.st_mode & 07777) != 04755 ||
		a.st_size != 5)
		return err_set(err, ERR_TEST, "file: uid %u gid %u mode %o", a.st_uid, a.st_gid, a.st_mode);
	if (u.st_gid != 50 || (u.st_mode & 07777) != 02755)
		return err_set(err, ERR_TEST, "directory");
	if (a.st_mtime != 1600000000 || u.st_mtime != 1600000000 || l.st_mtime != 1600000000)
		return err_set(err, ERR_TEST, "times");
	return 0;
}

static void contents_arrive(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	check_tree("");
	check_tree(".gz");
	check_tree(".xz");
	check_tree(".zst");
	if (ns_call(look, dir, &e) < 0)
		fail_msg("%s", e.msg);
}

static void the_hash_is_checked(void **state)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	char hex[HASH_HEX], zeros[HASH_HEX] = {0};

	(void)state;
	memset(zeros, '0', 64);
	deb_make(&deb, CONTROL, LIST(ROOT));
	hash_bytes(deb.s, deb.len, hex);
	_cleanup_free_ char *ok = try_deb(&deb, hex), *bad = try_deb(&deb, zeros);
	_cleanup_free_ char *want = xasprintf("its SHA-256 is %s, not %s", hex, zeros);
	assert_null(ok);
	assert_string_equal(bad, want);
	/* A broken file that is not the one asked for: the hash is what to report. */
	deb.s[deb.len / 2] ^= 0x55;
	hash_bytes(deb.s, deb.len, zeros);
	_cleanup_free_ char *broken = try_deb(&deb, hex), *want2 = xasprintf("its SHA-256 is %s, not %s", zeros, hex);
	assert_string_equal(broken, want2);
}

static void wrong_archives(void **state)
{
	struct strbuf d = STRBUF_INIT, none = STRBUF_INIT;

	(void)state;
	refuse(&d, "the file ends within the ar magic");
	strbuf_adds(&d, "PK\003\004 something else");
	refuse(&d, "not an ar archive");
	strbuf_reset(&d);
	strbuf_adds(&d, "!<arch>\n");
	refuse(&d, "its first member is not debian-binary");
	strbuf_adds(&d, "debian-binary   1600");
	refuse(&d, "the file ends within a member's header");
	strbuf_reset(&d);
	strbuf_adds(&d, "!<arch>\n");
	for (int i = 0; i < 60; i++)
		strbuf_addc(&d, 'x');
	refuse(&d, "no member header at byte 8");
	strbuf_reset(&d);
	strbuf_adds(&d, "!<arch>\n");
	deb_member(&d, "control.tar", &none);
	refuse(&d, "its first member is not debian-binary");
	strbuf_reset(&d);
	deb_begin(&d, "3.0\n");
	refuse(&d, "its format is not 2.x");
	strbuf_reset(&d);
	deb_begin(&d, "2.0 and a long text");
	refuse(&d, "debian-binary has 19 bytes");
	strbuf_reset(&d);
	deb_begin(&d, "2.0\n");
	refuse(&d, "it has no control.tar");
	deb_member(&d, "strange name", &none);
	refuse(&d, "a member with a strange name");
	strbuf_release(&d);
}

static void wrong_members(void **state)
{
	struct strbuf d = STRBUF_INIT, t = STRBUF_INIT;
	const struct deb_entry c[] = {ROOT, {.path = "./control", .type = AE_IFREG, .text = CONTROL}};

	(void)state;
	deb_begin(&d, "2.0\n");
	deb_add_tar(&d, "data.tar.gz", c, 2);
	refuse(&d, "member data.tar.gz is not expected here");
	strbuf_reset(&d);
	deb_begin(&d, "2.0\n");
	deb_add_tar(&d, "control.tar.gz", c, 2);
	refuse(&d, "it has no data.tar");
	size_t control = d.len;
	deb_add_tar(&d, "control.tar.gz", c, 2);
	refuse(&d, "member control.tar.gz is not expected here");
	d.len = control;
	deb_add_tar(&d, "data.tar.gz", c, 1);
	deb_add_tar(&d, "data.tar.gz", c, 1);
	refuse(&d, "member data.tar.gz is not expected here");
	d.len = control;
	deb_add_tar(&d, "data.tar.rar", c, 1);
	refuse(&d, "data.tar.rar: compression \".rar\" is not known");
	d.len = control;
	deb_add_tar(&d, "data.tar.gz", c, 1);
	strbuf_adds(&d, "trailing");
	refuse(&d, "the file ends within a member's header");
	/* The member is cut off: the header promises more than the file has. */
	deb_tar(&t, ".xz", c, 2);
	d.len = control;
	deb_member_sized(&d, "data.tar.xz", &t, t.len + 1000);
	_cleanup_free_ char *cut =
		xasprintf("data.tar.xz has %zu bytes by its header, but the file ends after %zu of them", t.len + 1000,
			t.len + (t.len & 1));
	refuse(&d, cut);
	d.len = control;
	deb_member_sized(&d, "data.tar.xz", &t, 9999999999ull);
	_cleanup_free_ char *huge =
		xasprintf("data.tar.xz has 9999999999 bytes by its header, but the file ends after %zu of them",
			t.len + (t.len & 1));
	refuse(&d, huge);
	strbuf_release(&d);
	strbuf_release(&t);
}

/* The compressed stream itself is cut or garbage: the words are libarchive's, that it is an error is ours. */
static void broken_streams(void **state)
{
	struct strbuf d = STRBUF_INIT, t = STRBUF_INIT;
	const struct deb_entry c[] = {ROOT, {.path = "./control", .type = AE_IFREG, .text = CONTROL}};
	static const char *const suffixes[] = {".gz", ".xz", ".zst", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *name = xasprintf("data.tar%s", suffixes[i]);
		strbuf_reset(&d);
		strbuf_reset(&t);
		deb_tar(&t, suffixes[i], c, 2);
		deb_begin(&d, "2.0\n");
		deb_add_tar(&d, "control.tar.gz", c, 2);
		t.len = *suffixes[i] ? t.len - 20 : 600;
		deb_member(&d, name, &t);
		_cleanup_free_ char *cut = try_deb(&d, NULL);
		assert_non_null(cut);
		assert_true(str_starts(cut, name));
		memset(t.s, 'g', t.len);
		strbuf_reset(&d);
		deb_begin(&d, "2.0\n");
		deb_add_tar(&d, "control.tar.gz", c, 2);
		deb_member(&d, name, &t);
		_cleanup_free_ char *garbage = try_deb(&d, NULL);
		assert_non_null(garbage);
		assert_true(str_starts(garbage, name));
	}
	strbuf_release(&d);
	strbuf_release(&t);
}

static void paths_stay_inside(void **state)
{
	char longpart[301] = {0};

	(void)state;
	memset(longpart, 'p', 300);
	_cleanup_free_ char *canary = outside_text(CANARY), *canaries = outside_text(CANARIES),
			    *absolute = outside_text("member \"" CANARY "\": its path is absolute");
	refuse_data(LIST(ROOT, {.path = canary, .type = AE_IFREG, .text = "x"}), absolute);
	refuse_data(LIST(ROOT, {.path = "../canary", .type = AE_IFREG, .text = "x"}),
		"member \"../canary\": its path has \"..\"");
	refuse_data(LIST(ROOT, {.path = "./pool/../../canary", .type = AE_IFDIR}),
		"member \"./pool/../../canary/\": its path has \"..\"");
	refuse_data(LIST(ROOT, {.path = "./up", .type = AE_IFLNK, .text = canaries},
			    {.path = "./up/canary", .type = AE_IFREG}),
		"member \"./up/canary\": a directory above it is a link or a file");
	refuse_data(LIST(ROOT, {.path = "./a", .type = AE_IFLNK, .text = "."}, {.path = "./a/b", .type = AE_IFREG}),
		"member \"./a/b\": a directory above it is a link or a file");
	refuse_data(LIST(ROOT, {.path = "./a", .type = AE_IFREG, .text = "x"}, {.path = "./a/b", .type = AE_IFREG}),
		"member \"./a/b\": a directory above it is a link or a file");
	refuse_data(LIST(ROOT, {.path = "./two\nlines", .type = AE_IFREG}),
		"member \"./two?lines\": its name has a line break");
	refuse_data(LIST({.path = "./", .type = AE_IFLNK, .text = canaries}),
		"member \"./\": it stands for the root and is no directory");
	refuse_data(LIST(ROOT, {.path = longpart, .type = AE_IFREG}),
		"member "
		"\"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
		"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp\""
		": "
		"a part of its path is longer than 255 bytes");
}

static void only_files_directories_links(void **state)
{
	_cleanup_free_ char *canary = outside_text(CANARY), *canaries = outside_text(CANARIES);

	(void)state;
	refuse_data(LIST(ROOT, {.path = "./devices", .type = AE_IFCHR}), "member \"./devices\": it is a device");
	refuse_data(LIST(ROOT, {.path = "./sda", .type = AE_IFBLK}), "member \"./sda\": it is a device");
	refuse_data(LIST(ROOT, {.path = "./pipe", .type = AE_IFIFO}),
		"member \"./pipe\": it is neither file, directory nor link");
	refuse_data(LIST(ROOT, {.path = "./h", .type = 0, .text = canary}),
		"member \"./h\": it is a hard link to what is not a file of the archive before it");
	refuse_data(LIST(ROOT, {.path = "./h", .type = 0, .text = "../../../canary"}),
		"member \"./h\": it is a hard link to what is not a file of the archive before it");
	refuse_data(LIST(ROOT, {.path = "./h", .type = 0, .text = "./later"}, {.path = "./later", .type = AE_IFREG}),
		"member \"./h\": it is a hard link to what is not a file of the archive before it");
	refuse_data(LIST(ROOT, {.path = "./l", .type = AE_IFLNK, .text = canaries},
			    {.path = "./h", .type = 0, .text = "./l/canary"}),
		"member \"./h\": it is a hard link to what is not a file of the archive before it");
	refuse_data(LIST(ROOT, {.path = "./l", .type = AE_IFLNK, .text = canary},
			    {.path = "./h", .type = 0, .text = "./l"}),
		"member \"./h\": it is a hard link to what is not a file of the archive before it");
	refuse_data(LIST(ROOT, {.path = "./f", .type = AE_IFREG, .uid = 65536}),
		"member \"./f\": its owner is not within 0 to 65535");
	refuse_data(LIST(ROOT, {.path = "./f", .type = AE_IFREG, .gid = 4000000}),
		"member \"./f\": its owner is not within 0 to 65535");
}

static void nothing_comes_twice(void **state)
{
	const struct deb_entry file = {.path = "./f", .type = AE_IFREG, .text = "x"};
	const struct deb_entry link = {.path = "./f", .type = AE_IFLNK, .text = "y"};
	const struct deb_entry directory = {.path = "./f/", .type = AE_IFDIR};

	(void)state;
	refuse_data(LIST(ROOT, file, file), "member \"./f\": it is in the archive twice");
	refuse_data(LIST(ROOT, file, link), "member \"./f\": it is in the archive twice");
	refuse_data(LIST(ROOT, link, file), "member \"./f\": it is in the archive twice");
	refuse_data(LIST(ROOT, file, directory), "member \"./f/\": it is in the archive twice");
	refuse_data(LIST(ROOT, directory, file), "member \"./f\": it is in the archive twice");
	refuse_data(LIST(ROOT, link, directory), "member \"./f/\": it is in the archive twice");
	refuse_data(LIST(ROOT, file, {.path = "./f", .type = 0, .text = "./f"}),
		"member \"./f\": it is in the archive twice");
}

static void control_members_are_plain(void **state)
{
	_cleanup_free_ char *canary = outside_text(CANARY);

	(void)state;
	refuse_control(LIST(ROOT, {.path = "./sub/control", .type = AE_IFREG, .text = CONTROL}),
		"member \"./sub/control\": control members are plain files");
	refuse_control(LIST(ROOT, {.path = "./control", .type = AE_IFLNK, .text = canary}),
		"member \"./control\": control members are plain files");
	refuse_control(
		LIST(ROOT, {.path = "./list", .type = AE_IFREG}), "member \"./list\": no name for a control member");
	refuse_control(
		LIST(ROOT, {.path = "./a:b", .type = AE_IFREG}), "member \"./a:b\": no name for a control member");
	refuse_control(LIST(ROOT, {.path = "./control", .type = AE_IFREG, .size = 17 << 20}),
		"member \"./control\": a control member over 16 MiB");

	struct strbuf d = STRBUF_INIT;
	deb_begin(&d, "2.0\n");
	deb_add_tar(&d, "control.tar.gz", LIST(ROOT, {.path = "./md5sums", .type = AE_IFREG}));
	deb_add_tar(&d, "data.tar.gz", LIST(ROOT));
	refuse(&d, "control.tar has no control member");
	strbuf_release(&d);
}

/* An ustar header by hand: libarchive's writer would fill in what the header promises. */
static void add_header(struct strbuf *t, const char *name, uint64_t size)
{
	char h[512] = {0};
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", 0644);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 0);
	if (size < 1ull << 33) {
		snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
	} else { /* GNU's base-256 form */
		h[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			h[135 - i] = (char)(size >> (8 * i));
	}
	snprintf(h + 136, 12, "%011o", 1600000000);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar  ", 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	strbuf_add(t, h, sizeof h);
}

/* Sizes are 64-bit throughout: what promises more than it has is truncated, not wrapped around to something that fits.
 */
static void sizes_beyond_4_gib(void **state)
{
	static const uint64_t sizes[] = {(4ull << 30) + 10, (5ull << 30) + 512, (8ull << 30) + 3, 1ull << 62};
	const struct deb_entry c[] = {{.path = "./control", .type = AE_IFREG, .text = CONTROL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct strbuf d = STRBUF_INIT, t = STRBUF_INIT;
		add_header(&t, "./big", sizes[i]);
		for (int k = 0; k < 1536; k++)
			strbuf_addc(&t, 0);
		deb_begin(&d, "2.0\n");
		deb_add_tar(&d, "control.tar", c, 1);
		deb_member(&d, "data.tar", &t);
		_cleanup_free_ char *got = try_deb(&d, NULL);
		assert_non_null(got);
		if (!str_starts(got, "data.tar: member \"./big\": "))
			fail_msg("%s", got);
		strbuf_release(&d);
		strbuf_release(&t);
	}
}

static void escape_bytes_stay_out_of_messages(void **state)
{
	(void)state;
	refuse_data(LIST(ROOT, {.path = "./\033[2Jx", .type = AE_IFCHR}), "member \"./?[2Jx\": it is a device");
}

static void a_directory_is_no_package(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(deb_unpack("/", NULL, -1, &e), -1);
	assert_string_equal(e.msg, "/ is not a file");
	assert_int_equal(deb_unpack("/nonexistent.deb", NULL, -1, &e), -1);
	assert_string_equal(e.msg, "open /nonexistent.deb: No such file or directory");
}

/* The text of the control file alone; the message of the error without the package's path, or NULL. */
static char *try_control(const struct strbuf *deb, struct strbuf *text)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, "x.deb");

	assert_int_equal(path_write(path, strbuf_cstr(deb), deb->len, 0644, &e), 0);
	if (deb_control(path, text, &e) == 0)
		return NULL;
	assert_true(str_starts(e.msg, path));
	return xstrdup(e.msg + strlen(path) + 2);
}

static void the_control_file_alone(void **state)
{
	static const char *const suffixes[] = {"", ".gz", ".xz", ".zst"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT, text = STRBUF_INIT;
		_cleanup_free_ char *name = xasprintf("control.tar%s", suffixes[i]);
		const struct deb_entry c[] = {ROOT, {.path = "./md5sums", .type = AE_IFREG, .text = "x\n"},
			{.path = "./control", .type = AE_IFREG, .text = CONTROL}};
		deb_begin(&deb, "2.0\n");
		deb_add_tar(&deb, name, c, ARRAY_SIZE(c)); /* what follows is not read */
		strbuf_adds(&text, "before ");
		_cleanup_free_ char *why = try_control(&deb, &text);
		if (why)
			fail_msg("%s: %s", suffixes[i], why);
		assert_string_equal(strbuf_cstr(&text), "before " CONTROL);
	}

	_cleanup_strbuf_ struct strbuf none = STRBUF_INIT, large = STRBUF_INIT, data = STRBUF_INIT, text = STRBUF_INIT;
	_cleanup_free_ char *big = xcalloc(2 << 20, 1);
	const struct deb_entry l[] = {{.path = "./control", .type = AE_IFREG, .text = memset(big, 'x', (2 << 20) - 1)}};
	deb_begin(&none, "2.0\n");
	deb_add_tar(&none, "control.tar.gz", LIST(ROOT));
	deb_begin(&large, "2.0\n");
	deb_add_tar(&large, "control.tar.gz", l, 1);
	deb_begin(&data, "2.0\n");
	deb_add_tar(&data, "data.tar.gz", LIST(ROOT));
	_cleanup_free_ char *a = try_control(&none, &text), *b = try_control(&large, &text),
			    *c = try_control(&data, &text);
	assert_string_equal(a, "control.tar has no control file");
	assert_string_equal(b, "control.tar.gz: its control file has more than 1048576 bytes");
	assert_string_equal(c, "its second member is not control.tar");
	assert_int_equal(text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_arrive),
		cmocka_unit_test(the_control_file_alone),
		cmocka_unit_test(the_hash_is_checked),
		cmocka_unit_test(wrong_archives),
		cmocka_unit_test(wrong_members),
		cmocka_unit_test(broken_streams),
		cmocka_unit_test(paths_stay_inside),
		cmocka_unit_test(only_files_directories_links),
		cmocka_unit_test(nothing_comes_twice),
		cmocka_unit_test(control_members_are_plain),
		cmocka_unit_test(sizes_beyond_4_gib),
		cmocka_unit_test(escape_bytes_stay_out_of_messages),
		cmocka_unit_test(a_directory_is_no_package),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
