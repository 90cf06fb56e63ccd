#include "oci/members.h"
#include "base/path.h"
#include "base/str.h"
#include "tree/tarread.h"
#include <string.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define BOOKKEEPING ".wh..wh." /* of aufs */
#define OWNERS_MAX 65536       /* in one layer */

/* Devices that every container has anyway (OCI runtime specification, "Default Devices"); all others are refused. */
static const struct {
	uint32_t major, minor;
} plain_devices[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}};

static const char *keep(struct members *s, const char *text)
{
	s->bytes += strlen(text) + 1;
	return arena_strdup(&s->arena, text);
}

/*
 * "./usr//bin/" -> "usr/bin"; "" is the root. NULL with a reason for what leads out of the layer. The caller frees it.
 */
static char *normalise(const char *name, const char **why)
{
	struct strbuf b = STRBUF_INIT;
	*why = NULL;
	if (*name == '/' && name[strspn(name, "/")])
		*why = "its path is absolute";
	else if (strlen(name) >= 4096)
		*why = "its path is longer than 4095 bytes";
	for (const char *p = name; !*why && *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2))
			*why = "its path has \"..\"";
		else if (n > 255)
			*why = "a part of its path is longer than 255 bytes";
		else if (n && !(n == 1 && *p == '.')) {
			if (b.len)
				strbuf_addc(&b, '/');
			strbuf_add(&b, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (!*why)
		return b.s ? strbuf_steal(&b) : xstrdup("");
	strbuf_release(&b);
	return NULL;
}

/* A part before the last begins like a whiteout. */
static bool below_whiteout(const char *path)
{
	for (const char *p = path, *slash; (slash = strchr(p, '/')); p = slash + 1)
		if (str_starts(p, WHITEOUT))
			return true;
	return false;
}

static int add_whiteout(struct members *s, const struct tar_member *m, const char *path, struct err *err)
{
	const char *base = path_base(path), *hidden = base + strlen(WHITEOUT);
	int dir = (int)(base - path);
	if (m->type != '0' || m->size)
		return tar_refuse(err, m->name, "it is a whiteout, but not an empty file");
	if (str_eq(base, OPAQUE)) {
		_cleanup_free_ char *marked = xstrndup(path, dir ? (size_t)dir - 1 : 0);
		vec_push(&s->marks, keep(s, marked));
		return 0;
	}
	if (str_starts(base, BOOKKEEPING))
		return 0;
	if (!*hidden || str_eq(hidden, ".") || str_eq(hidden, ".."))
		return tar_refuse(err, m->name, "it is a whiteout of \"%s\"", hidden);
	_cleanup_free_ char *text = xasprintf("%.*s%s", dir, path, hidden);
	vec_push(&s->whiteouts, keep(s, text));
	return 0;
}

static int check_device(const struct tar_member *m, struct err *err)
{
	if (m->type == '3')
		for (size_t i = 0; i < ARRAY_SIZE(plain_devices); i++)
			if (m->major == plain_devices[i].major && m->minor == plain_devices[i].minor)
				return 0;
	if (m->type == '3' && !m->major && !m->minor)
		return tar_refuse(err, m->name, "it is a device 0:0, which overlayfs takes for a whiteout");
	return tar_refuse(err, m->name, "it is the %s device %u:%u, which no container has by itself",
		m->type == '3' ? "character" : "block", m->major, m->minor);
}

static void keep_xattrs(struct members *s, struct member *to, const struct tar_member *m)
{
	struct xattr *all = m->n_xattrs ? arena_alloc(&s->arena, m->n_xattrs * sizeof *all) : NULL;
	for (size_t i = 0; i < m->n_xattrs; i++) {
		all[i].name = (char *)keep(s, m->xattrs[i].name);
		all[i].value = arena_alloc(&s->arena, m->xattrs[i].len);
		memcpy(all[i].value, m->xattrs[i].value, m->xattrs[i].len);
		all[i].len = m->xattrs[i].len;
		s->bytes += m->xattrs[i].len;
	}
	to->xattrs = all;
	to->n_xattrs = m->n_xattrs;
}

static int add_owner(struct members *s, const struct tar_member *m, struct err *err)
{
	id_add(&s->uids, m->uid);
	id_add(&s->gids, m->gid);
	if (s->uids.n > OWNERS_MAX || s->gids.n > OWNERS_MAX)
		return err_set(err, ERR_VERIFY, "more than %d owners", OWNERS_MAX);
	return 0;
}

/* The link's target as the member has it: a symbolic link may say anything, containers resolve it. */
static int take_link(struct members *s, struct member *to, const struct tar_member *m, struct err *err)
{
	const char *why;
	if (m->type == '2') {
		if (strlen(m->link) >= 4096)
			return tar_refuse(err, m->name, "its target is longer than 4095 bytes");
		to->link = keep(s, m->link);
		to->mode = 0777;
		return 0;
	}
	/* podman joins the target to the layer's root, so a leading slash is harmless. */
	_cleanup_free_ char *target = normalise(m->link + strspn(m->link, "/"), &why);
	if (!target)
		return tar_refuse(err, m->name, "it is a hard link that leads out of the layer");
	to->link = keep(s, target);
	return 0;
}

static int add_plain(struct members *s, const struct tar_member *m, const char *path, struct err *err)
{
	struct member new = {.path = keep(s, path),
		.type = m->type,
		.mode = m->mode,
		.uid = m->uid,
		.gid = m->gid,
		.mtime = m->mtime,
		.size = m->size};
	if (m->type == '3' || m->type == '4') {
		if (check_device(m, err))
			return -1;
		new.major = m->major;
		new.minor = m->minor;
	}
	if ((m->type == '1' || m->type == '2') && take_link(s, &new, m, err))
		return -1;
	keep_xattrs(s, &new, m);
	vec_push(&s->v, new);
	s->stream.v[s->stream.n - 1] = new.path;
	return add_owner(s, m, err);
}

static int check_limits(const struct members *s, size_t n, struct err *err)
{
	if (n > MEMBERS_MAX)
		return err_set(err, ERR_VERIFY, "more than %d members", MEMBERS_MAX);
	if (s->bytes > MEMBERS_BYTES_MAX)
		return err_set(
			err, ERR_VERIFY, "its names and attributes take more than %s", str_bytes(MEMBERS_BYTES_MAX));
	return 0;
}

int members_add(struct members *s, const struct tar_member *m, struct err *err)
{
	const char *why;
	_cleanup_free_ char *path = normalise(m->name, &why);
	if (!path)
		return tar_refuse(err, m->name, "%s", why);
	vec_push(&s->stream, NULL);
	if (s->stream.n > MEMBERS_MAX)
		return err_set(err, ERR_VERIFY, "more than %d members", MEMBERS_MAX);
	if (s->bytes > MEMBERS_BYTES_MAX)
		return err_set(
			err, ERR_VERIFY, "its names and attributes take more than %s", str_bytes(MEMBERS_BYTES_MAX));
	if (below_whiteout(path))
		return tar_refuse(err, m->name, "a directory above it is a whiteout");
	if (!*path) /* "./": a container sees the root of the topmost layer, which podman makes itself */
		return m->type == '5' ? 0 : tar_refuse(err, m->name, "it stands for the root and is no directory");
	if (str_starts(path_base(path), WHITEOUT))
		return add_whiteout(s, m, path, err);
	return add_plain(s, m, path, err);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->path, ((const struct member *)b)->path);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct members *s)
{
	if (s->v.n)
		qsort(s->v.v, s->v.n, sizeof *s->v.v, by_path);
}

static struct member *find(const struct members *s, const char *path)
{
	struct member key = {.path = path};
	return s->v.n ? bsearch(&key, s->v.v, s->v.n, sizeof key, by_path) : NULL;
}

const struct member *members_find(const struct members *s, const char *path)
{
	return find(s, path);
}

int members_changed(struct err *err)
{
	return err_set(err, ERR_VERIFY, "its members are not those of its index");
}

int members_next(
	const struct members *s, size_t *next, const struct tar_member *t, const struct member **ret, struct err *err)
{
	*ret = NULL;
	if (*next == s->stream.n)
		return members_changed(err);
	const char *path = s->stream.v[(*next)++];
	if (t->type != '0' || !path)
		return t->size ? members_changed(err) : 0;
	*ret = find(s, path);
	if (!*ret || (*ret)->type != '0' || (*ret)->size != t->size)
		return members_changed(err);
	return 0;
}

bool members_hides(const struct members *s, const char *path)
{
	return s->whiteouts.n && bsearch(&path, s->whiteouts.v, s->whiteouts.n, sizeof path, by_text);
}

static int sort_texts(const char **v, size_t n, const char *what, struct err *err)
{
	if (n)
		qsort(v, n, sizeof *v, by_text);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(v[i], v[i - 1]))
			return tar_refuse(err, v[i], "%s", what);
	return 0;
}

static int sort_all(struct members *s, struct err *err)
{
	sort(s);
	for (size_t i = 1; i < s->v.n; i++)
		if (!strcmp(s->v.v[i].path, s->v.v[i - 1].path))
			return tar_refuse(err, s->v.v[i].path, "it is in the layer twice");
	if (sort_texts(s->whiteouts.v, s->whiteouts.n, "its whiteout is in the layer twice", err))
		return -1;
	return sort_texts(s->marks.v, s->marks.n, "its opaque mark is in the layer twice", err);
}

typedef VEC(const char *) paths;

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return !strncmp(path, dir, n) && path[n] == '/';
}

/*
 * Directories above `path` that have no member of their own; one that is something else is refused. Those above `done`
 * have been looked after.
 */
static int add_above(struct members *s, const char *path, const char *done, paths *missing, struct err *err)
{
	_cleanup_free_ char *up = xstrdup(path);
	for (char *slash; (slash = strrchr(up, '/'));) {
		*slash = '\0';
		if (is_below(done, up))
			return 0;
		const struct member *m = find(s, up);
		if (m && m->type != '5')
			return tar_refuse(err, path, "a directory above it is a link or a file of the same layer");
		if (!m)
			vec_push(missing, keep(s, up));
	}
	return check_limits(s, s->v.n + missing->n, err);
}

static int collect_missing(struct members *s, paths *missing, struct err *err)
{
	for (size_t i = 0; i < s->v.n; i++)
		if (add_above(s, s->v.v[i].path, i ? s->v.v[i - 1].path : "", missing, err))
			return -1;
	for (size_t i = 0; i < s->whiteouts.n; i++)
		if (add_above(s, s->whiteouts.v[i], i ? s->whiteouts.v[i - 1] : "", missing, err))
			return -1;
	for (size_t i = 0; i < s->marks.n; i++) {
		const struct member *m = find(s, s->marks.v[i]);
		if (m && m->type != '5')
			return tar_refuse(err, m->path, "its opaque mark stands in a link or a file of the same layer");
		_cleanup_free_ char *within = xasprintf("%s/", s->marks.v[i]);
		if (*s->marks.v[i] && add_above(s, within, "", missing, err))
			return -1;
	}
	return 0;
}

static int add_implicit(struct members *s, struct err *err)
{
	paths missing = {0};
	int r = collect_missing(s, &missing, err);
	if (!r && missing.n)
		qsort(missing.v, missing.n, sizeof *missing.v, by_text);
	for (size_t i = 0; !r && i < missing.n; i++)
		if (!i || strcmp(missing.v[i], missing.v[i - 1]))
			vec_push(&s->v,
				(struct member){.path = missing.v[i], .type = '5', .mode = 0755, .implicit = true});
	vec_release(&missing);
	sort(s);
	return r;
}

/* A directory that replaces what it hides is opaque; anything else that is there replaces it anyway. */
static void merge_marks(struct members *s)
{
	size_t left = 0;
	for (size_t i = 0; i < s->marks.n; i++) {
		if (*s->marks.v[i])
			find(s, s->marks.v[i])->opaque = true;
		else
			s->root_opaque = true;
	}
	for (size_t i = 0; i < s->whiteouts.n; i++) {
		struct member *m = find(s, s->whiteouts.v[i]);
		if (!m)
			s->whiteouts.v[left++] = s->whiteouts.v[i];
		else if (m->type == '5')
			m->opaque = m->replaced = true;
	}
	s->whiteouts.n = left;
}

/* Links to links are taken to the end; a circle has none. */
static int resolve_link(struct members *s, struct member *m, struct err *err)
{
	const struct member *to = m;
	for (size_t steps = 0; to && to->type == '1'; steps++) {
		if (steps > 64)
			return tar_refuse(err, m->path, "it is a hard link without an end");
		to = find(s, to->link);
	}
	if (!to)
		return tar_refuse(err, m->path, "it is a hard link to what the layer does not have");
	if (to->type == '5')
		return tar_refuse(err, m->path, "it is a hard link to a directory");
	m->link = to->path;
	return 0;
}

int members_end(struct members *s, struct err *err)
{
	if (sort_all(s, err) || add_implicit(s, err))
		return -1;
	merge_marks(s);
	for (size_t i = 0; i < s->v.n; i++)
		if (s->v.v[i].type == '1' && resolve_link(s, &s->v.v[i], err))
			return -1;
	return 0;
}

void members_release(struct members *s)
{
	vec_release(&s->v);
	vec_release(&s->whiteouts);
	vec_release(&s->stream);
	vec_release(&s->uids);
	vec_release(&s->gids);
	vec_release(&s->marks);
	arena_release(&s->arena);
	*s = (struct members){0};
}
