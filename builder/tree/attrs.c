#include "tree/attrs.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>

/* The names of all attributes, each ended by NUL. NULL with *ret_len 0 when there are none or the file system has none.
 */
static char *list_attrs(int fd, size_t *ret_len, struct err *err)
{
	*ret_len = 0;
	for (;;) {
		ssize_t want = flistxattr(fd, NULL, 0);
		if (want <= 0) {
			if (want < 0 && errno != ENOTSUP)
				err_sys(err, errno, "list of attributes");
			return NULL;
		}
		char *names = xmalloc((size_t)want);
		ssize_t got = flistxattr(fd, names, (size_t)want);
		if (got >= 0) {
			*ret_len = (size_t)got;
			return names;
		}
		free(names);
		if (errno != ERANGE) {
			err_sys(err, errno, "list of attributes");
			return NULL;
		}
	}
}

static int read_attr(int fd, const char *name, struct xattr *ret, struct err *err)
{
	ssize_t want = fgetxattr(fd, name, NULL, 0);
	if (want < 0)
		return err_sys(err, errno, "attribute %s", name);
	ret->value = xmalloc((size_t)want + 1);
	ssize_t got = fgetxattr(fd, name, ret->value, (size_t)want);
	if (got < 0) {
		free(ret->value);
		return err_sys(err, errno, "attribute %s", name);
	}
	ret->len = (size_t)got;
	ret->name = xstrdup(name);
	return 0;
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Version 3 names the namespace whose root it serves: ours becomes version 2, which holds wherever the tree is used. */
static int plain_capability(struct xattr *x, struct err *err)
{
	uint8_t *p = x->value;
	uint32_t magic = x->len >= 4 ? get_le32(p) : 0;
	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return 0;
	if (x->len != XATTR_CAPS_SZ_3)
		return err_set(err, ERR_VERIFY, "attribute %s is malformed", x->name);
	if (get_le32(p + XATTR_CAPS_SZ_2) != 0)
		return err_set(err, ERR_VERIFY, "attribute %s belongs to another user namespace", x->name);
	p[3] = VFS_CAP_REVISION_2 >> 24;
	x->len = XATTR_CAPS_SZ_2;
	return 0;
}

static bool is_kept(const char *name)
{
	return str_eq(name, "security.capability") || (str_starts(name, "user.") && !str_starts(name, "user.overlay."));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

int attrs_read(int fd, struct attrs *ret, struct err *err)
{
	size_t len;
	struct err e = ERR_INIT;
	_cleanup_free_ char *names = list_attrs(fd, &len, &e);
	if (e.kind) {
		err_move(err, &e);
		return -1;
	}
	for (const char *p = names; p && p < names + len; p += strlen(p) + 1) {
		if (str_ends(p, ".overlay.metacopy"))
			return err_set(err, ERR_VERIFY, "attribute %s: the content is in another layer", p);
		if (!is_kept(p))
			continue;
		if (strchr(p, '='))
			return err_set(err, ERR_VERIFY, "attribute %s: no archive can hold a name with =", p);
		struct xattr x = {0};
		if (read_attr(fd, p, &x, err))
			return -1;
		vec_push(ret, x);
		if (str_eq(p, "security.capability") && plain_capability(&ret->v[ret->n - 1], err))
			return -1;
	}
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof *ret->v, by_name);
	return 0;
}

void attrs_release(struct attrs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].name);
		free(a->v[i].value);
	}
	vec_release(a);
}

int attrs_overlay_mark(int fd, enum overlay_mark *ret, struct err *err)
{
	static const char *const spaces[] = {"trusted.overlay.", "user.overlay."};
	*ret = OVERLAY_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		char name[64], value[8];
		snprintf(name, sizeof name, "%sopaque", spaces[i]);
		if (fgetxattr(fd, name, value, sizeof value) == 1 && value[0] == 'y')
			*ret = OVERLAY_OPAQUE;
		snprintf(name, sizeof name, "%sredirect", spaces[i]);
		if (fgetxattr(fd, name, NULL, 0) >= 0)
			return err_set(err, ERR_VERIFY,
				"attribute %s: a moved directory cannot be read without a mount", name);
	}
	return 0;
}
