/* Nodes of a tree as members of an archive. */
#include "base/mem.h"
#include "base/path.h"
#include "tree/tar.h"
#include <string.h>

static const char node_types[] = {
	[NODE_FILE] = '0',
	[NODE_DIR] = '5',
	[NODE_SYMLINK] = '2',
	[NODE_CHAR] = '3',
	[NODE_BLOCK] = '4',
	[NODE_FIFO] = '6',
	[NODE_WHITEOUT] = '3',
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

/* A directory that hides the one below; both names, so that root's and a user's overlayfs find their mark. */
static int add_opaque(struct tar_out *t, struct tar_member *m, struct err *err)
{
	const struct xattr marks[] = {
		{(char *)"trusted.overlay.opaque", (char *)"y", 1},
		{(char *)"user.overlay.opaque", (char *)"y", 1},
	};
	size_t n = m->n_xattrs + ARRAY_SIZE(marks);
	_cleanup_free_ struct xattr *all = xreallocarray(NULL, n, sizeof *all);
	if (m->n_xattrs)
		memcpy(all, m->xattrs, m->n_xattrs * sizeof *all);
	memcpy(all + m->n_xattrs, marks, sizeof marks);
	qsort(all, n, sizeof *all, by_name);
	m->xattrs = all;
	m->n_xattrs = n;
	return tar_add(t, m, NULL, err);
}

static int add_dir(struct tar_out *t, struct tar_member *m, bool opaque, enum tar_form form, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("%s/", m->name);
	m->name = name;
	if (!opaque)
		return tar_add(t, m, NULL, err);
	if (form == TAR_OVERLAY)
		return add_opaque(t, m, err);
	_cleanup_free_ char *mark = xasprintf("%s.wh..wh..opq", name);
	if (tar_add(t, m, NULL, err))
		return -1;
	return tar_add(t, &(struct tar_member){.name = mark, .type = '0', .mtime = m->mtime}, NULL, err);
}

static int add_whiteout(struct tar_out *t, struct tar_member *m, enum tar_form form, struct err *err)
{
	if (form == TAR_OVERLAY)
		return tar_add(t, m, NULL, err);
	const char *base = path_base(m->name);
	_cleanup_free_ char *name = xasprintf("%.*s.wh.%s", (int)(base - m->name), m->name, base);
	m->name = name;
	m->type = '0';
	return tar_add(t, m, NULL, err);
}

int tar_node(struct tar_out *t, const char *prefix, const struct node *n, enum tar_form form, struct err *err)
{
	if (!*n->path)
		return 0;
	_cleanup_free_ char *name = xasprintf("%s%s", prefix, n->path);
	struct tar_member m = {
		.name = name,
		.type = node_types[n->kind],
		.mode = n->mode,
		.uid = n->uid,
		.gid = n->gid,
		.mtime = n->mtime,
		.link = n->target,
		.major = n->major,
		.minor = n->minor,
		.xattrs = n->xattrs,
		.n_xattrs = n->n_xattrs,
	};
	if (n->kind == NODE_DIR)
		return add_dir(t, &m, n->opaque, form, err);
	if (n->kind == NODE_WHITEOUT)
		return add_whiteout(t, &m, form, err);
	if (n->hardlink) {
		_cleanup_free_ char *target = xasprintf("%s%s", prefix, n->hardlink);
		m.type = '1';
		m.link = target;
		return tar_add(t, &m, NULL, err);
	}
	m.size = n->size;
	return n->kind == NODE_FILE ? tar_add_fd(t, &m, n->fd, err) : tar_add(t, &m, NULL, err);
}
