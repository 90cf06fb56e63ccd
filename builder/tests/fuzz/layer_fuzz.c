/*
 * Layers of any bytes: read as a tar and taken in, or refused; what is taken in stays within the layer. The first byte
 * says whether checksums are put right, so that the fields behind them are reached, and in what pieces the bytes come.
 */
#include "base/path.h"
#include "oci/members.h"
#include "tree/tarread.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRAP_UNLESS(holds)                                                                                             \
	do {                                                                                                           \
		if (!(holds))                                                                                          \
			__builtin_trap();                                                                              \
	} while (0)

struct seen {
	struct members members;
	uint64_t raw, content, left;
};

static int on_raw(void *arg, const void *data, size_t n, struct err *err)
{
	struct seen *s = arg;
	(void)data;
	(void)err;
	TRAP_UNLESS(!s->left);
	s->raw += n;
	return 0;
}

static int on_member(void *arg, const struct tar_member *m, struct err *err)
{
	struct seen *s = arg;
	TRAP_UNLESS(!s->left && *m->name && m->mtime <= UINT32_MAX && m->mode <= 07777);
	s->left = m->size;
	return members_add(&s->members, m, err);
}

static int on_content(void *arg, const void *data, size_t n, struct err *err)
{
	struct seen *s = arg;
	(void)data;
	(void)err;
	TRAP_UNLESS(n <= s->left);
	s->left -= n;
	s->content += n;
	return 0;
}

static void mend(uint8_t *h)
{
	unsigned sum = 0;
	char text[8];
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	snprintf(text, sizeof text, "%06o", sum);
	memcpy(h + 148, text, 7);
}

/* Relative, normalised, and below directories of the layer alone. */
static void check_path(const struct members *s, const char *path)
{
	_cleanup_free_ char *up = xstrdup(path);
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		size_t n = strcspn(p, "/");
		TRAP_UNLESS(n && !(n == 1 && *p == '.') && !(n == 2 && !strncmp(p, "..", 2)));
	}
	for (char *slash; (slash = strrchr(up, '/'));) {
		*slash = '\0';
		const struct member *m = members_find(s, up);
		TRAP_UNLESS(m && m->type == '5');
	}
}

static void check_members(const struct members *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		const struct member *m = &s->v.v[i], *to = m->type == '1' ? members_find(s, m->link) : NULL;
		check_path(s, m->path);
		TRAP_UNLESS(members_find(s, m->path) == m);
		TRAP_UNLESS(m->type != '1' || (to && to->type != '1' && to->type != '5'));
		TRAP_UNLESS(m->type != '4' && (m->type != '3' || m->major));
		for (size_t k = 0; k < m->n_xattrs; k++)
			TRAP_UNLESS(strncmp(m->xattrs[k].name, "trusted.", 8) &&
				    strncmp(m->xattrs[k].name, "user.overlay.", 13));
	}
	for (size_t i = 0; i < s->whiteouts.n; i++) {
		check_path(s, s->whiteouts.v[i]);
		TRAP_UNLESS(!members_find(s, s->whiteouts.v[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tar_events events = {.raw = on_raw, .member = on_member, .content = on_content};
	_cleanup_err_ struct err e = ERR_INIT;
	struct seen s = {0};
	if (size < 2)
		return 0;
	size_t n = size - 1, piece = 1 + (*data >> 1) * 13;
	_cleanup_free_ uint8_t *tar = xmalloc(n);
	memcpy(tar, data + 1, n);
	for (size_t at = 0; *data & 1 && at + 512 <= n; at += 512)
		if (tar[at])
			mend(tar + at);
	struct tar_reader *r = tar_reader_new(&events, &s);
	int bad = 0;
	for (size_t at = 0; at < n && !bad; at += piece)
		bad = tar_reader_feed(r, tar + at, n - at < piece ? n - at : piece, &e);
	if (!bad)
		bad = tar_reader_end(r, &e);
	if (!bad)
		bad = members_end(&s.members, &e);
	if (!bad) {
		TRAP_UNLESS(s.raw + s.content == n && !s.left);
		check_members(&s.members);
	}
	TRAP_UNLESS(!bad == !e.msg);
	tar_reader_free(r);
	members_release(&s.members);
	return 0;
}
