#include "deb/archive.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "deb/extract.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AR_HEADER = 60, BUF = 1 << 17, CONTROL_MAX = 1 << 20 };

/* The file, read once from start to end: everything that passes is hashed. */
struct reader {
	int fd;
	struct hash *hash;
	uint64_t pos, size;
	uint64_t left; /* in the member being read */
	bool failed;   /* of read(2) */
	int sys;
	unsigned char buf[BUF];
};

/* What comes next, at most `n` bytes; 0 at the end of the file, -1 on error. */
static ssize_t next_bytes(struct reader *r, void *to, size_t n)
{
	ssize_t got;

	do
		got = read(r->fd, to, n);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		r->failed = true;
		r->sys = errno;
		return -1;
	}
	hash_add(r->hash, to, (size_t)got);
	r->pos += (uint64_t)got;
	return got;
}

static int exactly(struct reader *r, void *to, size_t n, const char *what, struct err *err)
{
	for (char *p = to; n;) {
		ssize_t got = next_bytes(r, p, n);
		if (got < 0)
			return err_sys(err, r->sys, "read");
		if (got == 0)
			return err_set(err, ERR_VERIFY, "the file ends within %s", what);
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static la_ssize_t member_read(struct archive *a, void *arg, const void **block)
{
	struct reader *r = arg;
	size_t want = r->left < BUF ? (size_t)r->left : BUF;

	if (!want)
		return 0;
	ssize_t got = next_bytes(r, r->buf, want);
	if (got <= 0) {
		archive_set_error(a, r->sys, "%s", got < 0 ? "read error" : "the file ends early");
		return -1;
	}
	r->left -= (uint64_t)got;
	*block = r->buf;
	return got;
}

/* The rest of a member, or of the file. */
static int skip(struct reader *r, uint64_t n, struct err *err)
{
	while (n) {
		ssize_t got = next_bytes(r, r->buf, n < BUF ? (size_t)n : BUF);
		if (got < 0)
			return err_sys(err, r->sys, "read");
		if (got == 0)
			return err_set(err, ERR_VERIFY, "the file ends early");
		n -= (uint64_t)got;
	}
	return 0;
}

struct member {
	char name[17];
	uint64_t size;
};

/* A number of an ar header: decimal digits, then blanks. */
static bool ar_number(const char *s, size_t n, uint64_t *ret)
{
	size_t digits = 0;

	for (*ret = 0; digits < n && s[digits] >= '0' && s[digits] <= '9'; digits++)
		*ret = *ret * 10 + (uint64_t)(s[digits] - '0');
	for (size_t i = digits; i < n; i++)
		if (s[i] != ' ')
			return false;
	return digits > 0;
}

/* The next header. 1: there is one, 0: the file is at its end. */
static int next_member(struct reader *r, struct member *m, struct err *err)
{
	char h[AR_HEADER];

	if (r->pos == r->size)
		return 0;
	if (exactly(r, h, sizeof h, "a member's header", err) < 0)
		return -1;
	if (h[58] != '`' || h[59] != '\n' || !ar_number(h + 48, 10, &m->size))
		return err_set(
			err, ERR_VERIFY, "no member header at byte %llu", (unsigned long long)(r->pos - AR_HEADER));
	memcpy(m->name, h, 16);
	m->name[16] = 0;
	for (size_t n = strlen(m->name); n && m->name[n - 1] == ' '; n--)
		m->name[n - 1] = 0;
	for (char *p = m->name; *p; p++)
		if (*p <= ' ' || *p > '~' || (*p == '/' && p[1]))
			return err_set(err, ERR_VERIFY, "a member with a strange name");
	if (*m->name && m->name[strlen(m->name) - 1] == '/')
		m->name[strlen(m->name) - 1] = 0;
	if (m->size > r->size - r->pos)
		return err_set(err, ERR_VERIFY, "%s has %llu bytes by its header, but the file ends after %llu of them",
			m->name, (unsigned long long)m->size, (unsigned long long)(r->size - r->pos));
	r->left = m->size;
	return 1;
}

/* Members begin at even offsets. */
static int end_member(struct reader *r, const struct member *m, struct err *err)
{
	uint64_t rest = r->left + (m->size & 1);

	r->left = 0;
	if (rest > r->size - r->pos)
		rest = r->size - r->pos; /* the padding of the last one may be missing */
	return skip(r, rest, err);
}

typedef int (*entry_fn)(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err);

static int set_filter(struct archive *a, const char *suffix)
{
	static const struct {
		const char *suffix;
		int (*support)(struct archive *);
	} filters[] = {{"", archive_read_support_filter_none}, {".gz", archive_read_support_filter_gzip},
		{".xz", archive_read_support_filter_xz}, {".zst", archive_read_support_filter_zstd},
		{".bz2", archive_read_support_filter_bzip2}, {".lzma", archive_read_support_filter_lzma}};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (strcmp(filters[i].suffix, suffix) == 0)
			return filters[i].support(a);
	return ARCHIVE_FATAL;
}

static int read_entries(struct archive *a, struct extract *x, entry_fn fn, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN)
		if (fn(x, a, e, err) < 0)
			return -1;
	if (r == ARCHIVE_EOF)
		return 0;
	const char *why = archive_error_string(a);
	return err_set(err, ERR_VERIFY, "%s", why ? why : "not a tar archive");
}

/* One compressed tar archive, into `x`. */
static int read_tar(
	struct reader *r, const struct member *m, const char *suffix, struct extract *x, entry_fn fn, struct err *err)
{
	struct archive *a = archive_read_new();
	int rc;

	if (set_filter(a, suffix) < ARCHIVE_WARN || archive_read_support_format_tar(a) != ARCHIVE_OK)
		rc = err_set(err, ERR_VERIFY, "compression \"%s\" is not known", suffix);
	else if (archive_read_open(a, r, NULL, member_read, NULL) != ARCHIVE_OK)
		rc = err_set(err, ERR_VERIFY, "%s", archive_error_string(a));
	else
		rc = read_entries(a, x, fn, err);
	archive_read_free(a);
	if (rc == 0)
		rc = extract_finish(x, err);
	return rc < 0 ? err_wrap(err, "%s", m->name) : 0;
}

/* Make DIRFD/name and read a tar archive into it. */
static int unpack_member(
	struct reader *r, const struct member *m, int dirfd, const char *dir, struct strbuf *list, struct err *err)
{
	struct extract x = EXTRACT_INIT;

	if (mkdirat(dirfd, dir, 0755) < 0)
		return errno == EEXIST ? err_set(err, ERR_VERIFY, "%s: a second %s archive", m->name, dir)
				       : err_sys(err, errno, "make %s", dir);
	_cleanup_fd_ int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", dir);
	x.dirfd = fd;
	x.list = list;
	x.limit = r->size * 200 + (1ull << 30);
	int rc = read_tar(r, m, m->name + strlen(dir) + strlen(".tar"), &x, list ? extract_data : extract_control, err);
	extract_release(&x);
	return rc;
}

static int check_version(struct reader *r, struct err *err)
{
	struct member m;
	char text[16] = {0};
	int got = next_member(r, &m, err);

	if (got < 0)
		return -1;
	if (got == 0 || strcmp(m.name, "debian-binary") != 0)
		return err_set(err, ERR_VERIFY, "its first member is not debian-binary");
	if (m.size < 4 || m.size >= sizeof text)
		return err_set(err, ERR_VERIFY, "debian-binary has %llu bytes", (unsigned long long)m.size);
	if (exactly(r, text, m.size, "debian-binary", err) < 0)
		return -1;
	if (!str_starts(text, "2.") || !strchr(text, '\n'))
		return err_set(err, ERR_VERIFY, "its format is not 2.x");
	r->left = 0;
	return end_member(r, &m, err);
}

static int check_begin(struct reader *r, struct err *err)
{
	char magic[8];

	if (exactly(r, magic, sizeof magic, "the ar magic", err) < 0)
		return -1;
	if (memcmp(magic, "!<arch>\n", sizeof magic) != 0)
		return err_set(err, ERR_VERIFY, "not an ar archive");
	return check_version(r, err);
}

/* The archive's members in the order that deb(5) asks for. */
static int read_members(struct reader *r, int dirfd, struct strbuf *list, struct err *err)
{
	struct member m;
	int got;
	unsigned seen = 0; /* 1: control, 2: data */

	if (check_begin(r, err) < 0)
		return -1;
	while ((got = next_member(r, &m, err)) > 0) {
		int rc = 0;
		if (str_starts(m.name, "control.tar") && seen == 0)
			rc = unpack_member(r, &m, dirfd, "control", NULL, err);
		else if (str_starts(m.name, "data.tar") && seen == 1)
			rc = unpack_member(r, &m, dirfd, "data", list, err);
		else if (*m.name != '_') /* extensions that a reader may pass over */
			rc = err_set(err, ERR_VERIFY, "member %s is not expected here", m.name);
		if (rc < 0)
			return -1;
		if (*m.name != '_')
			seen++;
		if (end_member(r, &m, err) < 0)
			return -1;
	}
	if (got == 0 && seen < 2)
		return err_set(err, ERR_VERIFY, "it has no %s", seen ? "data.tar" : "control.tar");
	return got;
}

/* Hash what was not read because of an error, and compare. A wrong file is the error, whatever else is wrong with it.
 */
static int check_hash(struct reader *r, const char *sha256, struct err *err)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	char hex[HASH_HEX];

	(void)skip(r, UINT64_MAX, &ignored);
	hash_end(r->hash, hex);
	if (r->failed || !sha256 || strcmp(hex, sha256) == 0)
		return 0;
	return err_set(err, ERR_VERIFY, "its SHA-256 is %s, not %s", hex, sha256);
}

static int write_list(int dirfd, const struct strbuf *list, struct err *err)
{
	_cleanup_fd_ int fd = openat(dirfd, "list", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct stat st;

	/* The control member's time: the same in every build. */
	if (fd < 0 || fd_write_all(fd, strbuf_cstr(list), list->len) < 0)
		return err_sys(err, errno, "write the list of files");
	if (fstatat(dirfd, "control/control", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, ERR_VERIFY, "control.tar has no control member");
	if (futimens(fd, (struct timespec[]){st.st_mtim, st.st_mtim}) < 0)
		return err_sys(err, errno, "write the list of files");
	return 0;
}

static struct reader *reader_open(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, errno, "open %s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_IO, "%s is not a file", path);
		return NULL;
	}
	struct reader *r = xcalloc(1, sizeof *r);
	r->fd = steal_fd(&fd);
	r->size = (uint64_t)st.st_size;
	r->hash = hash_new();
	return r;
}

static void reader_close(struct reader **r)
{
	if (*r)
		close((*r)->fd);
	free(*r);
}
#define _cleanup_reader_ __attribute__((cleanup(reader_close)))

int deb_unpack(const char *path, const char *sha256, int dirfd, struct err *err)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	_cleanup_reader_ struct reader *r = reader_open(path, err);

	if (!r)
		return -1;
	int rc = read_members(r, dirfd, &list, err);
	if (rc == 0)
		rc = write_list(dirfd, &list, err);
	if (check_hash(r, sha256, err) < 0)
		rc = -1;
	return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

/* The entry "control" of control.tar, kept as text in x->list. */
static int keep_control(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	char buf[4096];
	la_ssize_t n;

	if (!name || (strcmp(name, "./control") != 0 && strcmp(name, "control") != 0))
		return 0;
	while ((n = archive_read_data(a, buf, sizeof buf)) > 0) {
		if (x->list->len + (size_t)n > CONTROL_MAX)
			return err_set(err, ERR_VERIFY, "its control file has more than %d bytes", CONTROL_MAX);
		strbuf_add(x->list, buf, (size_t)n);
	}
	return n < 0 ? err_set(err, ERR_VERIFY, "%s", archive_error_string(a)) : 0;
}

static int read_control(struct reader *r, struct strbuf *ret, struct err *err)
{
	struct extract x = EXTRACT_INIT;
	struct member m;

	if (check_begin(r, err) < 0)
		return -1;
	int got = next_member(r, &m, err);
	if (got < 0)
		return -1;
	if (got == 0 || !str_starts(m.name, "control.tar"))
		return err_set(err, ERR_VERIFY, "its second member is not control.tar");
	x.list = ret;
	got = read_tar(r, &m, m.name + strlen("control.tar"), &x, keep_control, err);
	extract_release(&x);
	return got;
}

int deb_control(const char *path, struct strbuf *ret, struct err *err)
{
	_cleanup_reader_ struct reader *r = reader_open(path, err);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char hex[HASH_HEX];

	if (!r)
		return -1;
	int rc = read_control(r, &text, err);
	hash_end(r->hash, hex); /* of no use: most of the file was not read */
	if (rc == 0 && text.len == 0)
		rc = err_set(err, ERR_VERIFY, "control.tar has no control file");
	if (rc < 0)
		return err_wrap(err, "%s", path);
	strbuf_add(ret, text.s, text.len);
	return 0;
}
