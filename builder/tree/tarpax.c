#include "tree/tarpax.h"
#include "base/mem.h"
#include "tree/tarread.h"
#include <string.h>

#define XATTR_NAME 255 /* linux/limits.h: XATTR_NAME_MAX, XATTR_SIZE_MAX */
#define XATTR_SIZE 65536
#define XATTR_MAX 256 /* of one file: more than any file system here can hold */

struct record {
	const char *key;
	size_t key_len;
	const char *value;
	size_t len;
};

static bool is_key(const struct record *r, const char *key)
{
	return r->key_len == strlen(key) && !memcmp(r->key, key, r->key_len);
}

static bool starts(const struct record *r, const char *prefix)
{
	return r->key_len >= strlen(prefix) && !memcmp(r->key, prefix, strlen(prefix));
}

static int malformed(struct err *err)
{
	return err_set(err, ERR_VERIFY, "an extended header has a malformed record");
}

/* Cut the next record off; 1, or 0 at the end. */
static int next_record(const char **p, const char *end, struct record *r, struct err *err)
{
	uint64_t len = 0;
	const char *q = *p;
	if (q == end)
		return 0;
	for (; q < end && *q >= '0' && *q <= '9' && len <= TAR_RECORD_MAX; q++)
		len = len * 10 + (uint64_t)(*q - '0');
	if (q == *p || q == end || *q != ' ' || len > (uint64_t)(end - *p) || len < (uint64_t)(q - *p) + 4)
		return malformed(err);
	r->key = q + 1;
	const char *stop = *p + len - 1, *eq = memchr(r->key, '=', (size_t)(stop - r->key));
	if (*stop != '\n' || !eq || eq == r->key)
		return malformed(err);
	r->key_len = (size_t)(eq - r->key);
	r->value = eq + 1;
	r->len = (size_t)(stop - r->value);
	*p = stop + 1;
	return 1;
}

static int set_text(char **to, const struct record *r, struct err *err)
{
	if (memchr(r->value, '\0', r->len))
		return malformed(err);
	free(*to);
	*to = r->len ? xstrndup(r->value, r->len) : NULL;
	return 0;
}

static int set_number(bool *has, uint64_t *to, const struct record *r, struct err *err)
{
	char text[24];
	*has = r->len > 0;
	if (!r->len)
		return 0;
	if (r->len >= sizeof text)
		return malformed(err);
	memcpy(text, r->value, r->len);
	text[r->len] = '\0';
	return strlen(text) == r->len && str_to_u64(text, to) ? 0 : malformed(err);
}

/* "[-]SECONDS[.FRACTION]": whole seconds, none before 1970. */
static int set_time(struct tar_extra *x, const struct record *r, struct err *err)
{
	struct record whole = *r;
	bool negative = r->len && *r->value == '-';
	whole.value += negative;
	whole.len -= negative;
	const char *dot = memchr(whole.value, '.', whole.len);
	if (dot) {
		size_t digits = strspn(dot + 1, "0123456789"), rest = (size_t)(r->value + r->len - dot - 1);
		whole.len = (size_t)(dot - whole.value);
		if (digits < rest || !whole.len)
			return malformed(err);
	}
	if (set_number(&x->has_mtime, &x->mtime, &whole, err))
		return -1;
	if (negative)
		x->mtime = 0;
	return 0;
}

static bool is_kept(const char *name)
{
	return str_eq(name, "security.capability") ||
	       (str_starts(name, "user.") && name[5] && !str_starts(name, "user.overlay."));
}

/* Sorted by name; the last of one name wins. */
static void put_xattr(struct tar_extra *x, struct xattr new)
{
	size_t i = 0;
	while (i < x->xattrs.n && strcmp(x->xattrs.v[i].name, new.name) < 0)
		i++;
	if (i < x->xattrs.n && str_eq(x->xattrs.v[i].name, new.name)) {
		free(x->xattrs.v[i].name);
		free(x->xattrs.v[i].value);
		x->xattrs.v[i] = new;
		return;
	}
	vec_push(&x->xattrs, new);
	memmove(x->xattrs.v + i + 1, x->xattrs.v + i, (x->xattrs.n - 1 - i) * sizeof new);
	x->xattrs.v[i] = new;
}

static int set_xattr(struct tar_extra *x, const struct record *r, struct err *err)
{
	static const char prefix[] = "SCHILY.xattr.";
	_cleanup_free_ char *name = xstrndup(r->key + sizeof prefix - 1, r->key_len - (sizeof prefix - 1));
	if (strlen(name) != r->key_len - (sizeof prefix - 1))
		return malformed(err);
	if (!is_kept(name) || !r->len)
		return 0;
	if (strlen(name) > XATTR_NAME || r->len > XATTR_SIZE)
		return err_set(err, ERR_VERIFY, "an extended attribute's name or value is too long");
	if (str_eq(name, "security.capability") && r->len != 12 && r->len != 20 && r->len != 24)
		return err_set(err, ERR_VERIFY, "attribute %s is malformed", name);
	if (x->xattrs.n == XATTR_MAX)
		return err_set(err, ERR_VERIFY, "more than %d extended attributes", XATTR_MAX);
	void *value = xmalloc(r->len);
	memcpy(value, r->value, r->len);
	put_xattr(x, (struct xattr){.name = steal(name), .value = value, .len = r->len});
	return 0;
}

static int take(struct tar_extra *x, const struct record *r, struct err *err)
{
	if (is_key(r, "path"))
		return set_text(&x->path, r, err);
	if (is_key(r, "linkpath"))
		return set_text(&x->link, r, err);
	if (is_key(r, "size"))
		return set_number(&x->has_size, &x->size, r, err);
	if (is_key(r, "uid"))
		return set_number(&x->has_uid, &x->uid, r, err);
	if (is_key(r, "gid"))
		return set_number(&x->has_gid, &x->gid, r, err);
	if (is_key(r, "mtime"))
		return set_time(x, r, err);
	if (starts(r, "GNU.sparse."))
		return err_set(err, ERR_VERIFY, "an extended header of a sparse file");
	return starts(r, "SCHILY.xattr.") ? set_xattr(x, r, err) : 0;
}

int tar_extra_pax(struct tar_extra *x, const char *text, size_t n, struct err *err)
{
	struct record r;
	const char *p = text, *end = text + n;
	for (int more; (more = next_record(&p, end, &r, err));)
		if (more < 0 || take(x, &r, err))
			return -1;
	return 0;
}

void tar_extra_gnu(struct tar_extra *x, const char *text, size_t n, bool link)
{
	char **to = link ? &x->link : &x->path;
	free(*to);
	*to = xstrndup(text, n);
}

void tar_extra_release(struct tar_extra *x)
{
	free(x->path);
	free(x->link);
	for (size_t i = 0; i < x->xattrs.n; i++) {
		free(x->xattrs.v[i].name);
		free(x->xattrs.v[i].value);
	}
	vec_release(&x->xattrs);
	*x = (struct tar_extra){0};
}
