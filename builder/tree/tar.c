#include "tree/tar.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define CHUNK (256 * 1024)

/* Offsets and widths of ustar's fields (POSIX.1-2017, pax, "ustar Header Block"). */
enum {
	F_NAME = 0,
	F_MODE = 100,
	F_UID = 108,
	F_GID = 116,
	F_SIZE = 124,
	F_MTIME = 136,
	F_CHKSUM = 148,
	F_TYPE = 156,
	F_LINK = 157,
	F_MAGIC = 257,
	F_MAJOR = 329,
	F_MINOR = 337,
	W_NAME = 100,
	W_NUM = 8,
	W_BIG = 12,
};
#define MAX_NUM 07777777UL	/* in W_NUM - 1 octal digits */
#define MAX_BIG 077777777777ULL /* in W_BIG - 1 */

/* Octal with leading zeros and a NUL; a value that does not fit stands in the extended header and is 0 here. */
static void put_octal(char *field, size_t width, uint64_t v)
{
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
	field[width - 1] = '\0';
}

static void put_text(char *field, const char *s)
{
	size_t n = strlen(s);
	memcpy(field, s, n < W_NAME ? n : W_NAME);
}

static void ustar_block(struct strbuf *out, const struct tar_member *m)
{
	char h[BLOCK] = {0};
	put_text(h + F_NAME, m->name);
	put_octal(h + F_MODE, W_NUM, m->mode);
	put_octal(h + F_UID, W_NUM, m->uid > MAX_NUM ? 0 : m->uid);
	put_octal(h + F_GID, W_NUM, m->gid > MAX_NUM ? 0 : m->gid);
	put_octal(h + F_SIZE, W_BIG, m->size > MAX_BIG ? 0 : m->size);
	put_octal(h + F_MTIME, W_BIG, m->mtime > MAX_BIG ? 0 : m->mtime);
	h[F_TYPE] = m->type;
	if (m->link)
		put_text(h + F_LINK, m->link);
	memcpy(h + F_MAGIC, "ustar\00000", 8);
	put_octal(h + F_MAJOR, W_NUM, m->major);
	put_octal(h + F_MINOR, W_NUM, m->minor);

	memset(h + F_CHKSUM, ' ', W_NUM);
	unsigned sum = 0;
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	put_octal(h + F_CHKSUM, W_NUM - 1, sum); /* six digits, NUL, space */
	strbuf_add(out, h, BLOCK);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
static void pax_record(struct strbuf *out, const char *key, const void *value, size_t n)
{
	size_t body = strlen(key) + n + 3, len = body + 1;
	while (len != body + (size_t)snprintf(NULL, 0, "%zu", len))
		len++;
	strbuf_addf(out, "%zu %s=", len, key);
	strbuf_add(out, value, n);
	strbuf_addc(out, '\n');
}

static void pax_number(struct strbuf *out, const char *key, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)v);

	pax_record(out, key, text, (size_t)n);
}

static bool fits_ustar(const char *name)
{
	size_t n = 0;
	for (; name[n]; n++)
		if ((unsigned char)name[n] >= 0x80)
			return false;
	return n <= W_NAME;
}

static void pax_records(struct strbuf *out, const struct tar_member *m)
{
	if (!fits_ustar(m->name))
		pax_record(out, "path", m->name, strlen(m->name));
	if (m->link && !fits_ustar(m->link))
		pax_record(out, "linkpath", m->link, strlen(m->link));
	if (m->uid > MAX_NUM)
		pax_number(out, "uid", m->uid);
	if (m->gid > MAX_NUM)
		pax_number(out, "gid", m->gid);
	if (m->size > MAX_BIG)
		pax_number(out, "size", m->size);
	if (m->mtime > MAX_BIG)
		pax_number(out, "mtime", m->mtime);
	for (size_t i = 0; i < m->n_xattrs; i++) {
		_cleanup_free_ char *key = xasprintf("SCHILY.xattr.%s", m->xattrs[i].name);
		pax_record(out, key, m->xattrs[i].value, m->xattrs[i].len);
	}
}

static void pad(struct strbuf *out, uint64_t size)
{
	static const char zeros[BLOCK];
	strbuf_add(out, zeros, tar_padding(size));
}

void tar_header(struct strbuf *out, const struct tar_member *m)
{
	_cleanup_strbuf_ struct strbuf pax = STRBUF_INIT;
	pax_records(&pax, m);
	if (pax.len) {
		ustar_block(out, &(struct tar_member){.name = "pax", .type = 'x', .mode = 0644, .size = pax.len});
		strbuf_add(out, pax.s, pax.len);
		pad(out, pax.len);
	}
	ustar_block(out, m);
}

int tar_content(struct tar_out *t, const void *data, size_t n, struct err *err)
{
	t->bytes += n;
	return t->sink->write(t->sink, data, n, err);
}

int tar_begin(struct tar_out *t, const struct tar_member *m, struct err *err)
{
	t->members++;
	if (m->type != '1')
		t->inodes++;
	strbuf_reset(&t->buf);
	tar_header(&t->buf, m);
	if (tar_content(t, t->buf.s, t->buf.len, err))
		return -1;
	return t->sink->member ? t->sink->member(t->sink, m, err) : 0;
}

int tar_close(struct tar_out *t, const struct tar_member *m, struct err *err)
{
	strbuf_reset(&t->buf);
	pad(&t->buf, m->size);
	return t->buf.len ? tar_content(t, t->buf.s, t->buf.len, err) : 0;
}

int tar_add(struct tar_out *t, const struct tar_member *m, const void *data, struct err *err)
{
	if (tar_begin(t, m, err) || (m->size && tar_content(t, data, m->size, err)))
		return -1;
	return tar_close(t, m, err);
}

int tar_add_fd(struct tar_out *t, const struct tar_member *m, int fd, struct err *err)
{
	if (tar_begin(t, m, err))
		return -1;
	_cleanup_free_ char *chunk = xmalloc(m->size < CHUNK ? m->size + 1 : CHUNK);
	for (uint64_t left = m->size; left;) {
		ssize_t n = read(fd, chunk, left < CHUNK ? left : CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "%s", m->name);
		if (n == 0)
			return err_set(err, ERR_IO, "%s: became shorter while it was read", m->name);
		if (tar_content(t, chunk, (size_t)n, err))
			return -1;
		left -= (uint64_t)n;
	}
	return tar_close(t, m, err);
}

int tar_dir(struct tar_out *t, const char *name, uint32_t mode, uint64_t mtime, struct err *err)
{
	return tar_add(t, &(struct tar_member){.name = name, .type = '5', .mode = mode, .mtime = mtime}, NULL, err);
}

int tar_file(struct tar_out *t, const char *name, uint64_t mtime, const void *data, size_t n, struct err *err)
{
	struct tar_member m = {.name = name, .type = '0', .mode = 0644, .mtime = mtime, .size = n};
	return tar_add(t, &m, data, err);
}

int tar_end(struct tar_out *t, struct err *err)
{
	static const char zeros[TAR_END];
	return tar_content(t, zeros, sizeof zeros, err);
}

void tar_release(struct tar_out *t)
{
	strbuf_release(&t->buf);
}

static int write_fd(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	struct tar_fd_sink *f = (struct tar_fd_sink *)s;
	return fd_write_all(f->fd, data, n) ? err_sys(err, errno, "writing an archive") : 0;
}

void tar_fd_sink_init(struct tar_fd_sink *s, int fd)
{
	*s = (struct tar_fd_sink){.sink.write = write_fd, .fd = fd};
}
