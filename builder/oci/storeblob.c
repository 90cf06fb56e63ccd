/*
 * The files of a layer that comes as a blob, as overlayfs is to see them: first what needs no content (directories
 * before all else, so that every path has its parent), then the files as the blob streams by, then the hard links,
 * wherever in the tar they stood.
 */
#include "base/mem.h"
#include "base/path.h"
#include "oci/storefmt.h"
#include "tree/tarread.h"
#include <string.h>

/* The layer has something at `path` or above it that keeps what is below out of sight. */
static bool hides_below(const struct members *m, const char *path)
{
	_cleanup_free_ char *up = xstrdup(path);
	for (char *slash = up; slash; slash = strrchr(up, '/')) {
		if (slash != up)
			*slash = '\0';
		const struct member *found = members_find(m, up);
		if (found ? found->opaque || found->type != '5' : members_hides(m, up))
			return true;
	}
	return m->root_opaque;
}

static bool hides_above(const struct members *m, const char *path)
{
	_cleanup_free_ char *up = path_dir(path);
	return strchr(path, '/') ? hides_below(m, up) : m->root_opaque;
}

/* What containers see at `path` through this layer and those below it; NULL: nothing. */
static const struct member *visible(const struct store *s, size_t layer, const char *path)
{
	for (; layer != STORE_NO_PARENT; layer = s->layers.v[layer].parent) {
		const struct members *m = &s->layers.v[layer].members;
		const struct member *found = members_find(m, path);
		if (found || hides_below(m, path))
			return found;
	}
	return NULL;
}

static size_t below(const struct store_stream *w, size_t layer)
{
	return w->s->layers.v[layer].parent;
}

/* A directory whose member the tar lacks keeps what it is below; with nothing there it is the container tools' usual.
 */
static void resolve_implicit(const struct store_stream *w, size_t layer, struct tar_member *to, const char *path)
{
	to->mtime = w->epoch;
	for (size_t at = layer; at != STORE_NO_PARENT; at = below(w, at)) {
		const struct members *own = &w->s->layers.v[at].members;
		const struct member *m = members_find(own, path);
		if (m && !m->implicit && m->type == '5') {
			to->mode = m->mode;
			to->uid = m->uid;
			to->gid = m->gid;
			to->mtime = m->mtime;
			to->xattrs = m->xattrs;
			to->n_xattrs = m->n_xattrs;
		}
		/* A mark empties a directory, which stays the one it is; a whiteout makes it another. */
		bool emptied = m && m->opaque && !m->replaced;
		if ((m && !m->implicit) || (emptied ? hides_above(own, path) : hides_below(own, path)))
			return;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

/* Both names, so that root's and a user's overlayfs find their mark. */
static struct xattr *with_opaque(struct tar_member *m)
{
	const struct xattr marks[] = {
		{(char *)"trusted.overlay.opaque", (char *)"y", 1},
		{(char *)"user.overlay.opaque", (char *)"y", 1},
	};
	struct xattr *all = xreallocarray(NULL, m->n_xattrs + ARRAY_SIZE(marks), sizeof *all);
	if (m->n_xattrs)
		memcpy(all, m->xattrs, m->n_xattrs * sizeof *all);
	memcpy(all + m->n_xattrs, marks, sizeof marks);
	m->n_xattrs += ARRAY_SIZE(marks);
	qsort(all, m->n_xattrs, sizeof *all, by_name);
	m->xattrs = all;
	return all;
}

static int put_member(struct store_stream *w, size_t layer, const struct member *m, struct err *err)
{
	const struct members *own = &w->s->layers.v[layer].members;
	_cleanup_free_ char *name = xasprintf("%s%s%s", w->prefix, m->path, m->type == '5' ? "/" : "");
	_cleanup_free_ struct xattr *all = NULL;
	struct tar_member t = {.name = name,
		.type = m->type,
		.mode = m->mode,
		.uid = m->uid,
		.gid = m->gid,
		.mtime = m->mtime,
		.link = m->type == '2' ? m->link : NULL,
		.major = m->major,
		.minor = m->minor,
		.xattrs = m->xattrs,
		.n_xattrs = m->n_xattrs};
	if (m->implicit)
		resolve_implicit(w, layer, &t, m->path);
	/* overlayfs does not look for a mark on the root of a layer. */
	if (m->opaque || (m->type == '5' && own->root_opaque && !strchr(m->path, '/')))
		all = with_opaque(&t);
	return tar_add(w->t, &t, NULL, err);
}

static int put_members(struct store_stream *w, size_t layer, struct err *err)
{
	const struct members *own = &w->s->layers.v[layer].members;
	for (size_t i = 0; i < own->v.n; i++) {
		const struct member *m = &own->v.v[i];
		if (m->type != '0' && m->type != '1' && put_member(w, layer, m, err))
			return -1;
	}
	return 0;
}

static int put_whiteout(struct store_stream *w, const char *path, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("%s%s", w->prefix, path);
	return tar_add(w->t, &(struct tar_member){.name = name, .type = '3', .mtime = w->epoch}, NULL, err);
}

/* Inside an opaque directory, or where nothing is hidden, overlayfs would show the device. */
static bool is_needed(const struct store_stream *w, size_t layer, const char *path)
{
	if (hides_above(&w->s->layers.v[layer].members, path))
		return false;
	return visible(w->s, below(w, layer), path);
}

/* All that the layers below show in the root and this one does not replace. */
static int put_root_whiteouts(struct store_stream *w, size_t layer, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	const struct members *own = &w->s->layers.v[layer].members;
	for (size_t at = below(w, layer); at != STORE_NO_PARENT; at = w->s->layers.v[at].parent) {
		const struct members *m = &w->s->layers.v[at].members;
		for (size_t i = 0; i < m->v.n; i++) {
			const char *path = m->v.v[i].path;
			if (!strchr(path, '/') && !members_find(own, path) && visible(w->s, below(w, layer), path))
				strvec_add(&names, path);
		}
	}
	strvec_sort(&names);
	strvec_uniq(&names);
	for (size_t i = 0; i < names.n; i++)
		if (put_whiteout(w, names.v[i], err))
			return -1;
	return 0;
}

static int put_whiteouts(struct store_stream *w, size_t layer, struct err *err)
{
	const struct members *own = &w->s->layers.v[layer].members;
	for (size_t i = 0; i < own->whiteouts.n; i++)
		if (is_needed(w, layer, own->whiteouts.v[i]) && put_whiteout(w, own->whiteouts.v[i], err))
			return -1;
	return own->root_opaque ? put_root_whiteouts(w, layer, err) : 0;
}

/* The blob once more; its members come in the order of the index, or the blob is no longer that of the index. */
struct contents {
	struct store_stream *w;
	const struct members *own;
	struct tar_reader *reader;
	size_t next;	       /* of own->stream */
	struct tar_member cur; /* the file being written; type 0: none */
	char *name;
	uint64_t left;
};

static int end_file(struct contents *c, struct err *err)
{
	if (c->left || !c->cur.type)
		return 0;
	int r = tar_close(c->w->t, &c->cur, err);
	c->cur.type = 0;
	return r;
}

static int on_member(void *arg, const struct tar_member *m, struct err *err)
{
	struct contents *c = arg;
	const struct member *known;
	if (members_next(c->own, &c->next, m, &known, err) < 0)
		return -1;
	if (!known)
		return 0;
	free(c->name);
	c->name = xasprintf("%s%s", c->w->prefix, known->path);
	c->cur = (struct tar_member){.name = c->name,
		.type = '0',
		.mode = known->mode,
		.uid = known->uid,
		.gid = known->gid,
		.size = known->size,
		.mtime = known->mtime,
		.xattrs = known->xattrs,
		.n_xattrs = known->n_xattrs};
	c->left = known->size;
	return tar_begin(c->w->t, &c->cur, err) ? -1 : end_file(c, err);
}

static int on_content(void *arg, const void *data, size_t n, struct err *err)
{
	struct contents *c = arg;
	c->left -= n;
	return tar_content(c->w->t, data, n, err) ? -1 : end_file(c, err);
}

static int on_blob(const void *data, size_t n, void *arg, struct err *err)
{
	return tar_reader_feed(((struct contents *)arg)->reader, data, n, err);
}

static int put_contents(struct store_stream *w, const struct store_layer *l, struct err *err)
{
	static const struct tar_events events = {.member = on_member, .content = on_content};
	struct contents c = {.w = w, .own = &l->members};
	struct blob blob = upstream_blob_of(l->blob);
	struct blob_found found;
	c.reader = tar_reader_new(&events, &c);
	int r = blob_read(&blob, on_blob, &c, &found, err);
	if (!r)
		r = tar_reader_end(c.reader, err);
	if (!r && c.next != l->members.stream.n)
		r = members_changed(err);
	tar_reader_free(c.reader);
	free(c.name);
	return r;
}

static int put_hardlinks(struct store_stream *w, const struct members *own, struct err *err)
{
	for (size_t i = 0; i < own->v.n; i++) {
		if (own->v.v[i].type != '1')
			continue;
		_cleanup_free_ char *name = xasprintf("%s%s", w->prefix, own->v.v[i].path);
		_cleanup_free_ char *target = xasprintf("%s%s", w->prefix, own->v.v[i].link);
		struct tar_member m = {.name = name, .type = '1', .link = target, .mtime = w->epoch};
		if (tar_add(w->t, &m, NULL, err))
			return -1;
	}
	return 0;
}

int store_put_blob(struct store_stream *w, size_t layer, struct err *err)
{
	const struct store_layer *l = &w->s->layers.v[layer];
	if (put_members(w, layer, err) || put_whiteouts(w, layer, err) || put_contents(w, l, err) ||
		put_hardlinks(w, &l->members, err))
		return err_wrap(err, "layer sha256:%s", l->blob->digest);
	return 0;
}
