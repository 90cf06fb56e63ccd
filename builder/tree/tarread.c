#include "tree/tarread.h"
#include "base/mem.h"
#include "base/str.h"
#include "tree/tarpax.h"
#include <string.h>

#define BLOCK 512
#define ID_MAX 0xfffffffeU /* (uid_t)-1 is nobody's */

enum state {
	AT_HEADER,
	IN_RECORD,  /* content of an extended header */
	IN_CONTENT, /* of a member */
	IN_PADDING,
	AT_END, /* a block of zeros was seen */
};

struct tar_reader {
	const struct tar_events *events;
	void *arg;
	enum state state;
	uint64_t pos; /* in the archive */
	unsigned char head[BLOCK];
	size_t have;	/* of head */
	uint64_t left;	/* of record, content or padding */
	size_t padding; /* after record or content */
	uint64_t raw;	/* bytes since the last member */
	char record;	/* type of the extended header being read */
	bool seen_x, seen_l, seen_k;
	struct strbuf text;
	struct tar_extra extra;
};

int tar_refuse(struct err *err, const char *name, const char *why, ...)
{
	_cleanup_strbuf_ struct strbuf shown = STRBUF_INIT, text = STRBUF_INIT;
	_cleanup_free_ char *cut = xstrndup(name, 200);
	va_list ap;
	for (char *p = cut; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = '?';
	strbuf_add_plain(&shown, cut);
	va_start(ap, why);
	strbuf_vaddf(&text, why, ap);
	va_end(ap);
	return err_set(err, ERR_VERIFY, "member \"%s\": %s", strbuf_cstr(&shown), strbuf_cstr(&text));
}

struct tar_reader *tar_reader_new(const struct tar_events *events, void *arg)
{
	struct tar_reader *r = xcalloc(1, sizeof *r);
	r->events = events;
	r->arg = arg;
	return r;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	strbuf_release(&r->text);
	tar_extra_release(&r->extra);
	free(r);
}

/* Octal digits between blanks and NULs, or (top bit set) a big-endian binary number. False: malformed or negative. */
static bool number(const unsigned char *f, size_t width, uint64_t *ret)
{
	size_t i = 0;
	*ret = 0;
	if (f[0] & 0x80) {
		for (i = 0; i < width; i++) {
			if (*ret >> 55)
				return false;
			*ret = *ret << 8 | (i ? f[i] : f[0] & 0x7f);
		}
		return !(f[0] & 0x40);
	}
	while (i < width && (f[i] == ' ' || f[i] == '\0'))
		i++;
	for (; i < width && f[i] >= '0' && f[i] <= '7'; i++)
		*ret = *ret << 3 | (uint64_t)(f[i] - '0');
	for (; i < width; i++)
		if (f[i] != ' ' && f[i] != '\0')
			return false;
	return true;
}

/* Old writers summed signed bytes. */
static bool sum_holds(const unsigned char *h)
{
	uint64_t want;
	int64_t plain = 0, with_sign = 0;
	for (size_t i = 0; i < BLOCK; i++) {
		unsigned char c = i >= 148 && i < 156 ? ' ' : h[i];
		plain += c;
		with_sign += (signed char)c;
	}
	return number(h + 148, 8, &want) && ((int64_t)want == plain || (int64_t)want == with_sign);
}

/* Name of a header: up to 100 bytes, in POSIX's form behind a prefix. */
static char *header_name(const unsigned char *h)
{
	const char *name = (const char *)h, *prefix = name + 345;
	if (memcmp(h + 257, "ustar\0", 6) || !*prefix)
		return xstrndup(name, 100);
	size_t max = memcmp(h + 508, "tar\0", 4) ? 155 : 131; /* star has times behind it */
	return xasprintf("%.*s/%.*s", (int)max, prefix, 100, name);
}

static int bad_header(const struct tar_reader *r, struct err *err)
{
	return err_set(
		err, ERR_VERIFY, "no header of a tar archive at byte %llu", (unsigned long long)(r->pos - BLOCK));
}

/* An extended header begins: each kind once per member, and none where two readings are possible. */
static int begin_record(struct tar_reader *r, struct err *err)
{
	uint64_t size;
	char type = (char)r->head[156];
	bool *seen = type == 'x' ? &r->seen_x : type == 'L' ? &r->seen_l : &r->seen_k;
	if (!number(r->head + 124, 12, &size))
		return bad_header(r, err);
	if (size > TAR_RECORD_MAX)
		return err_set(err, ERR_VERIFY, "an extended header of %llu bytes: the limit is %u",
			(unsigned long long)size, TAR_RECORD_MAX);
	if (type == 'g' ? r->seen_x || r->seen_l || r->seen_k : *seen)
		return err_set(err, ERR_VERIFY, "two extended headers for one member");
	if (type != 'g')
		*seen = true;
	r->record = type;
	r->left = size;
	r->padding = tar_padding(size);
	strbuf_reset(&r->text);
	r->state = IN_RECORD;
	return 0;
}

static int end_record(struct tar_reader *r, struct err *err)
{
	r->state = IN_PADDING;
	r->left = r->padding;
	if (r->record == 'x')
		return tar_extra_pax(&r->extra, strbuf_cstr(&r->text), r->text.len, err);
	/* A global header (git archive writes one) tells nothing of the members, for podman neither. */
	if (r->record != 'g')
		tar_extra_gnu(&r->extra, strbuf_cstr(&r->text), r->text.len, r->record == 'K');
	return 0;
}

static int member_type(const struct tar_reader *r, const char *name, char *ret, struct err *err)
{
	char type = (char)r->head[156];
	bool slash = str_ends(name, "/");
	if (type == '\0')
		type = slash ? '5' : '0';
	else if (type == '0' && slash)
		return tar_refuse(err, name, "a file whose name ends in a slash");
	else if (type == 'S')
		return tar_refuse(err, name, "it is a sparse file");
	else if (type < '0' || type > '6')
		return tar_refuse(err, name, "it is of type 0x%02x, which no layer may have", (unsigned char)type);
	*ret = type;
	return 0;
}

static int owner(bool has, uint64_t extra, const unsigned char *field, const char *name, uint32_t *ret, struct err *err)
{
	uint64_t id = extra;
	if ((!has && !number(field, 8, &id)) || id > ID_MAX)
		return tar_refuse(err, name, "its owner is not within 0 to %u", ID_MAX);
	*ret = (uint32_t)id;
	return 0;
}

static int fill_numbers(struct tar_reader *r, struct tar_member *m, struct err *err)
{
	uint64_t mode, size, major = 0, minor = 0;
	const unsigned char *h = r->head;
	const struct tar_extra *x = &r->extra;
	if (!number(h + 100, 8, &mode) || !number(h + 124, 12, &size))
		return tar_refuse(err, m->name, "its header is malformed");
	if (owner(x->has_uid, x->uid, h + 108, m->name, &m->uid, err) ||
		owner(x->has_gid, x->gid, h + 116, m->name, &m->gid, err))
		return -1;
	if (x->has_mtime)
		m->mtime = x->mtime;
	else if (!number(h + 136, 12, &m->mtime))
		m->mtime = 0; /* before 1970 */
	if (m->mtime > UINT32_MAX)
		m->mtime = UINT32_MAX;
	if ((m->type == '3' || m->type == '4') && (!number(h + 329, 8, &major) || !number(h + 337, 8, &minor) ||
							  major > UINT32_MAX || minor > UINT32_MAX))
		return tar_refuse(err, m->name, "its device number is malformed");
	m->mode = (uint32_t)mode & 07777;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	m->size = m->type != '0' ? 0 : x->has_size ? x->size : size;
	if (m->size > INT64_MAX)
		return tar_refuse(err, m->name, "its size is impossible");
	return 0;
}

static int report_member(struct tar_reader *r, struct err *err)
{
	struct tar_extra *x = &r->extra;
	_cleanup_free_ char *name = x->path ? steal(x->path) : header_name(r->head);
	_cleanup_free_ char *link = x->link ? steal(x->link) : xstrndup((const char *)r->head + 157, 100);
	struct tar_member m = {.name = name};
	if (!*name)
		return err_set(err, ERR_VERIFY, "a member without a name");
	if (member_type(r, name, &m.type, err) || fill_numbers(r, &m, err))
		return -1;
	if (m.type == '1' || m.type == '2') {
		if (!*link)
			return tar_refuse(err, name, "it is a link without a target");
		m.link = link;
	}
	if (m.type == '0' || m.type == '5') {
		m.xattrs = x->xattrs.v;
		m.n_xattrs = x->xattrs.n;
	}
	r->left = m.size;
	r->padding = tar_padding(m.size);
	r->state = m.size ? IN_CONTENT : AT_HEADER;
	r->raw = 0;
	r->seen_x = r->seen_l = r->seen_k = false;
	return r->events->member(r->arg, &m, err);
}

static int end_header(struct tar_reader *r, struct err *err)
{
	static const unsigned char zeros[BLOCK];
	r->have = 0;
	if (!memcmp(r->head, zeros, BLOCK)) {
		r->state = AT_END;
		r->raw = 0;
		return r->seen_x || r->seen_l || r->seen_k
			       ? err_set(err, ERR_VERIFY, "an extended header without its member")
			       : 0;
	}
	if (!sum_holds(r->head))
		return bad_header(r, err);
	if (memchr("xgLK", r->head[156], 4))
		return begin_record(r, err);
	int result = report_member(r, err);
	tar_extra_release(&r->extra);
	return result;
}

static int pass_raw(struct tar_reader *r, const void *data, size_t n, struct err *err)
{
	r->pos += n;
	r->raw += n;
	if (r->state == AT_END && r->raw > TAR_TAIL_MAX)
		return err_set(err, ERR_VERIFY, "more than %u bytes after the end of the archive", TAR_TAIL_MAX);
	if (r->raw > TAR_RAW_MAX)
		return err_set(err, ERR_VERIFY, "more than %u bytes of headers for one member", TAR_RAW_MAX);
	return r->events->raw ? r->events->raw(r->arg, data, n, err) : 0;
}

static int check_tail(const unsigned char *p, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return err_set(err, ERR_VERIFY, "data after the end of the archive");
	return 0;
}

/* What follows, as far as it belongs to the present state. Returns the bytes used, or -1. */
static ssize_t step(struct tar_reader *r, const unsigned char *p, size_t n, struct err *err)
{
	size_t want = r->state == AT_HEADER ? BLOCK - r->have
		      : r->state == AT_END  ? n
		      : n < r->left	    ? n
					    : (size_t)r->left;
	size_t take = want < n ? want : n;
	if (r->state == IN_CONTENT) {
		r->pos += take;
		if (r->events->content(r->arg, p, take, err))
			return -1;
	} else if (pass_raw(r, p, take, err)) {
		return -1;
	}
	if (r->state == AT_END)
		return check_tail(p, take, err) ? -1 : (ssize_t)take;
	if (r->state == AT_HEADER) {
		memcpy(r->head + r->have, p, take);
		r->have += take;
		return r->have == BLOCK && end_header(r, err) ? -1 : (ssize_t)take;
	}
	if (r->state == IN_RECORD)
		strbuf_add(&r->text, p, take);
	r->left -= take;
	return (ssize_t)take;
}

/* States that need no byte more are left at once. */
static int settle(struct tar_reader *r, struct err *err)
{
	if (r->state == IN_RECORD && !r->left && end_record(r, err))
		return -1;
	if (r->state == IN_CONTENT && !r->left) {
		r->state = IN_PADDING;
		r->left = r->padding;
	}
	if (r->state == IN_PADDING && !r->left)
		r->state = AT_HEADER;
	return 0;
}

int tar_reader_feed(struct tar_reader *r, const void *data, size_t n, struct err *err)
{
	for (const unsigned char *p = data; n;) {
		ssize_t used = step(r, p, n, err);
		if (used < 0 || settle(r, err))
			return -1;
		p += used;
		n -= (size_t)used;
	}
	return 0;
}

void tar_reader_skip(struct tar_reader *r)
{
	struct err unused = ERR_INIT;
	if (r->state != IN_CONTENT)
		return;
	r->pos += r->left;
	r->left = 0;
	(void)settle(r, &unused);
}

int tar_reader_end(struct tar_reader *r, struct err *err)
{
	if (r->state == AT_END || (r->state == AT_HEADER && !r->have && !r->seen_x && !r->seen_l && !r->seen_k))
		return 0;
	return err_set(err, ERR_VERIFY, "the archive ends within a member, at byte %llu", (unsigned long long)r->pos);
}
