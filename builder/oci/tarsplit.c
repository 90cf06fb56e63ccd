#include "oci/tarsplit.h"
#include "base/base64.h"
#include "base/crc.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include <endian.h>
#include <errno.h>
#include <string.h>

#define STORED_MAX 65535 /* bytes in a stored block (RFC 1951, 3.2.4) */

static int flush_block(struct tarsplit *t, size_t n, bool last, struct err *err)
{
	uint8_t head[5] = {last, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8)};
	if (fd_write_all(t->fd, head, sizeof head) || fd_write_all(t->fd, strbuf_cstr(&t->block), n))
		return err_sys(err, errno, "writing a tar-split");
	memmove(t->block.s, t->block.s + n, t->block.len - n);
	t->block.len -= n;
	return 0;
}

static int gz_add(struct tarsplit *t, const char *s, size_t n, struct err *err)
{
	t->gz_crc = crc32_ieee(t->gz_crc, s, n);
	t->gz_size += (uint32_t)n;
	while (n) {
		size_t take = STORED_MAX - t->block.len < n ? STORED_MAX - t->block.len : n;
		strbuf_add(&t->block, s, take);
		s += take;
		n -= take;
		/* A full block waits for more: the last one has a mark of its own. */
		if (n && flush_block(t, t->block.len, false, err))
			return -1;
	}
	return 0;
}

/* Raw bytes so far, as one record. */
static int flush_raw(struct tarsplit *t, struct err *err)
{
	if (!t->raw.len)
		return 0;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	strbuf_adds(&line, "{\"type\":2,\"payload\":\"");
	base64_add(&line, t->raw.s, t->raw.len);
	strbuf_addf(&line, "\",\"position\":%llu}\n", (unsigned long long)t->position++);
	strbuf_reset(&t->raw);
	return gz_add(t, line.s, line.len, err);
}

static int flush_member(struct tarsplit *t, struct err *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	strbuf_addf(&line, "{\"type\":1,%s,", t->member.s);
	if (t->size) {
		uint64_t crc = htobe64(t->crc);
		strbuf_addf(&line, "\"size\":%llu,\"payload\":\"", (unsigned long long)t->size);
		base64_add(&line, &crc, sizeof crc);
		strbuf_addc(&line, '"');
	} else {
		strbuf_adds(&line, "\"payload\":null");
	}
	strbuf_addf(&line, ",\"position\":%llu}\n", (unsigned long long)t->position++);
	return gz_add(t, line.s, line.len, err);
}

/* "name":"..." for UTF-8, "name_raw":"<base64>" for all else. */
static void put_name(struct strbuf *out, const char *name)
{
	_cleanup_json_ json_t *text = json_string(name);
	_cleanup_free_ char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
	strbuf_reset(out);
	if (quoted) {
		strbuf_addf(out, "\"name\":%s", quoted);
		return;
	}
	strbuf_adds(out, "\"name_raw\":\"");
	base64_add(out, name, strlen(name));
	strbuf_addc(out, '"');
}

int tarsplit_begin(struct tarsplit *t, int fd, struct err *err)
{
	static const uint8_t head[10] = {
		0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}; /* RFC 1952: deflate, no time, system unknown */
	*t = (struct tarsplit){.fd = fd};
	return fd_write_all(fd, head, sizeof head) ? err_sys(err, errno, "writing a tar-split") : 0;
}

int tarsplit_member(struct tarsplit *t, const struct tar_member *m, struct err *err)
{
	if (flush_raw(t, err))
		return -1;
	put_name(&t->member, m->name);
	t->size = t->left = m->size;
	t->crc = 0;
	return t->size ? 0 : flush_member(t, err);
}

int tarsplit_add(struct tarsplit *t, const void *data, size_t n, struct err *err)
{
	size_t content = t->left < n ? (size_t)t->left : n;
	if (content) {
		t->crc = crc64_iso(t->crc, data, content);
		t->left -= content;
		if (!t->left && flush_member(t, err))
			return -1;
	}
	strbuf_add(&t->raw, (const char *)data + content, n - content);
	return 0;
}

int tarsplit_end(struct tarsplit *t, struct err *err)
{
	if (flush_raw(t, err) || flush_block(t, t->block.len, true, err))
		return -1;
	uint32_t tail[2] = {htole32(t->gz_crc), htole32(t->gz_size)};
	return fd_write_all(t->fd, tail, sizeof tail) ? err_sys(err, errno, "writing a tar-split") : 0;
}

void tarsplit_release(struct tarsplit *t)
{
	strbuf_release(&t->raw);
	strbuf_release(&t->member);
	strbuf_release(&t->block);
}
