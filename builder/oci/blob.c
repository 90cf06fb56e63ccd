#include "oci/blob.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

struct reading {
	const struct blob *b;
	blob_fn fn;
	void *arg;
	int fd, sys;
	uint64_t got;	   /* bytes of the file */
	uint64_t unpacked; /* bytes */
	struct hash *packed, *plain;
	char *buf;
};

/* The next bytes of the file; 0 at its end, -1 with `sys` set. */
static ssize_t next(struct reading *r)
{
	ssize_t n;
	do
		n = read(r->fd, r->buf, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		r->sys = errno;
		return -1;
	}
	hash_add(r->packed, r->buf, (size_t)n);
	r->got += (uint64_t)n;
	return n;
}

static int pass(struct reading *r, const void *data, size_t n, struct err *err)
{
	if (n > r->b->limit - r->unpacked)
		return err_set(err, ERR_VERIFY, "it unpacks to more than %s, the limit for a blob of %s",
			str_bytes(r->b->limit), str_bytes(r->b->size));
	r->unpacked += n;
	hash_add(r->plain, data, n);
	return r->fn(data, n, r->arg, err);
}

static int read_plain(struct reading *r, struct err *err)
{
	for (ssize_t n; (n = next(r)) != 0;)
		if (n < 0 || pass(r, r->buf, (size_t)n, err))
			return -1;
	return 0;
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **block)
{
	struct reading *r = arg;
	ssize_t n = next(r);
	if (n < 0)
		archive_set_error(a, r->sys, "read error");
	*block = r->buf;
	return n;
}

static int damaged(struct err *err)
{
	return err_set(err, ERR_VERIFY, "its compressed data is damaged or ends early");
}

static int read_content(struct reading *r, struct archive *a, struct err *err)
{
	struct archive_entry *e;
	const void *data;
	size_t n;
	la_int64_t at;
	int s = archive_read_next_header(a, &e);
	if (s != ARCHIVE_OK)
		return damaged(err);
	while ((s = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK)
		if (pass(r, data, n, err))
			return -1;
	if (s != ARCHIVE_EOF)
		return damaged(err);
	if ((uint64_t)archive_filter_bytes(a, -1) != r->b->size)
		return err_set(err, ERR_VERIFY, "data after the end of its compressed data");
	return 0;
}

/* libarchive for its decompressors alone: the archive in it is "raw". */
static int read_packed(struct reading *r, int filter, struct err *err)
{
	struct archive *a = archive_read_new();
	archive_read_support_format_raw(a);
	int result = archive_read_append_filter(a, filter) == ARCHIVE_OK &&
				     archive_read_open(a, r, NULL, on_read, NULL) == ARCHIVE_OK
			     ? read_content(r, a, err)
			     : damaged(err);
	archive_read_free(a);
	return result;
}

static enum blob_form form_of(int fd)
{
	unsigned char m[4] = {0};
	if (pread(fd, m, sizeof m, 0) != sizeof m)
		return BLOB_PLAIN;
	if (m[0] == 0x1f && m[1] == 0x8b && m[2] == 8)
		return BLOB_GZIP; /* RFC 1952 */
	bool frame = m[0] == 0x28 && m[1] == 0xb5, skippable = (m[0] & 0xf0) == 0x50 && m[1] == 0x2a;
	if ((frame && m[2] == 0x2f && m[3] == 0xfd) || (skippable && m[2] == 0x4d && m[3] == 0x18))
		return BLOB_ZSTD; /* RFC 8878 */
	return BLOB_PLAIN;
}

/* What the decompressor did not take is hashed as well: a wrong blob is to be called that. */
static int read_rest(struct reading *r, struct err *err)
{
	ssize_t n = 1;
	while (!r->sys && n > 0 && r->got <= r->b->size)
		n = next(r);
	return r->sys ? err_sys(err, r->sys, "%s", r->b->path) : 0;
}

static int check_sums(struct reading *r, int result, struct err *err)
{
	char digest[HASH_HEX], diff_id[HASH_HEX];
	hash_end(steal(r->packed), digest);
	hash_end(steal(r->plain), diff_id);
	if (r->b->digest && strcmp(digest, r->b->digest))
		return err_set(err, ERR_VERIFY, "the blob is sha256:%s", digest);
	if (result)
		return -1;
	if (r->b->diff_id && strcmp(diff_id, r->b->diff_id))
		return err_set(err, ERR_VERIFY, "its content is sha256:%s, but the config has sha256:%s", diff_id,
			r->b->diff_id);
	return 0;
}

static int read_open(struct reading *r, enum blob_form form, struct err *err)
{
	r->packed = hash_new();
	r->plain = hash_new();
	int result = form == BLOB_PLAIN
			     ? read_plain(r, err)
			     : read_packed(r, form == BLOB_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD, err);
	struct err io = ERR_INIT;
	if (read_rest(r, &io)) {
		err_move(err, &io);
		result = -1;
	} else {
		result = check_sums(r, result, err);
	}
	char unused[HASH_HEX];
	if (r->packed) {
		hash_end(r->packed, unused);
		hash_end(r->plain, unused);
	}
	return result;
}

int blob_read(const struct blob *b, blob_fn fn, void *arg, struct blob_found *ret, struct err *err)
{
	struct stat st;
	_cleanup_fd_ int fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", b->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != b->size)
		return err_set(err, ERR_VERIFY, "the blob has %llu bytes, but the manifest has %llu",
			(unsigned long long)st.st_size, (unsigned long long)b->size);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	_cleanup_free_ char *buf = xmalloc(CHUNK);
	struct reading r = {.b = b, .fn = fn, .arg = arg, .fd = fd, .buf = buf};
	enum blob_form form = form_of(fd);
	int result = read_open(&r, form, err);
	*ret = (struct blob_found){.form = form, .unpacked = r.unpacked};
	return result;
}

int blob_sniff(const char *path, enum blob_form *ret, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	*ret = form_of(fd);
	return 0;
}
