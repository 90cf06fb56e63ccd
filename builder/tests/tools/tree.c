/*
 * Composing and listing trees from test scripts.
 *   tree compose CACHE OUT EPOCH CONFIGURE LIST [PARENT...]   LIST: lines "NAME:ARCH SHA256 FILE"; parents nearest
 * first tree list TREE...        the merged tree, composed ones nearest first, one line per path: PATH TYPE+MODE
 * OWNER:GROUP MTIME CONTENT XATTRS   (tab-separated; owners by name) tree list-root DIR       the same of a plain root
 * directory tree remove DIR
 */
#include "tree/tree.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "tree/namespace.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct listing {
	const char *root; /* "" for the running root */
	char *passwd, *group;
};

/* The name of a number in the text of passwd(5) or group(5), or the number. */
static char *name_of(const char *text, unsigned id)
{
	_cleanup_free_ char *field = xasprintf(":%u:", id);

	for (const char *p = text; (p = strstr(p, field)); p++) {
		const char *line = p;
		while (line > text && line[-1] != '\n')
			line--;
		const char *colon = strchr(line, ':');
		if (strchr(colon + 1, ':') == p) /* the third field */
			return xstrndup(line, (size_t)(colon - line));
	}
	return xasprintf("%u", id);
}

static void add_xattrs(struct strbuf *out, const char *path)
{
	char names[4096], value[4096];
	ssize_t n = llistxattr(path, names, sizeof names);
	_cleanup_strvec_ struct strvec sorted = STRVEC_INIT; /* file systems keep them in orders of their own */

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		if (!str_starts(names + i, "user.overlay."))
			strvec_add(&sorted, names + i);
	strvec_sort(&sorted);
	for (size_t i = 0; i < sorted.n; i++) {
		ssize_t len = lgetxattr(path, sorted.v[i], value, sizeof value);
		strbuf_addf(out, " %s=", sorted.v[i]);
		for (ssize_t k = 0; k < len; k++)
			strbuf_addf(out, "%02x", (unsigned char)value[k]);
	}
}

static int list_one(
	const struct listing *l, const char *path, const struct stat *st, struct strbuf *out, struct err *err)
{
	_cleanup_free_ char *full = path_join(l->root, path), *user = name_of(l->passwd, st->st_uid),
			    *group = name_of(l->group, st->st_gid);
	char content[4096] = "-";

	if (S_ISREG(st->st_mode) && hash_file(full, content, err) < 0)
		return -1;
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(full, content, sizeof content - 1);
		content[n < 0 ? 0 : n] = 0;
	}
	strbuf_addf(out, "%s\t%o\t%s:%s\t%lld\t%s\t", path, st->st_mode, user, group, (long long)st->st_mtim.tv_sec,
		content);
	add_xattrs(out, full);
	strbuf_addc(out, '\n');
	return 0;
}

static int list_dir(const struct listing *l, const char *dir, struct strbuf *out, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_free_ char *full = path_join(l->root, dir);
	DIR *d = opendir(full);

	if (!d)
		return err_sys(err, errno, "read %s", full);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strvec_add(&names, e->d_name);
	closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = path_join(dir, names.v[i]), *sub = path_join(l->root, path);
		struct stat st;
		if (lstat(sub, &st) < 0)
			return err_sys(err, errno, "read %s", sub);
		if (list_one(l, path, &st, out, err) < 0 || (S_ISDIR(st.st_mode) && list_dir(l, path, out, err) < 0))
			return -1;
	}
	return 0;
}

static int list_root(void *arg, struct err *err)
{
	struct listing l = {.root = arg};
	struct strbuf out = STRBUF_INIT;
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *passwd = path_join(l.root, "/etc/passwd"), *group = path_join(l.root, "/etc/group");

	if (!(l.passwd = path_read(passwd, 1 << 20, NULL, &ignored)))
		l.passwd = xstrdup("");
	if (!(l.group = path_read(group, 1 << 20, NULL, &ignored)))
		l.group = xstrdup("");
	if (list_dir(&l, "/", &out, err) < 0)
		return -1;
	return fd_write_all(STDOUT_FILENO, out.s, out.len) < 0 ? err_sys(err, errno, "write") : 0;
}

static int list(char **trees, struct err *err)
{
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;

	for (; *trees; trees++)
		tree_layers(&layers, *trees);
	struct ns_opts o = {.root = {.lowers = (const char *const *)layers.v}};
	return ns_call_in(&o, list_root, (void *)"", err);
}

static int compose(char **argv, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT, layers = STRVEC_INIT;
	_cleanup_free_ char *text = path_read(argv[4], 1 << 20, NULL, err), *log = xasprintf("%s.log", argv[1]);
	struct tree_spec spec = {.id = path_base(argv[1]), .configure = strcmp(argv[3], "yes") == 0};
	uint64_t epoch;

	if (!text || !str_to_u64(argv[2], &epoch) || path_mkdirs(argv[1], err) < 0)
		return -1;
	str_split(&lines, text, "\n");
	_cleanup_free_ struct tree_deb *debs = xcalloc(lines.n + 1, sizeof *debs);
	for (size_t i = 0; i < lines.n; i++) {
		struct strvec f = STRVEC_INIT;
		str_split(&f, lines.v[i], " ");
		if (f.n != 3)
			return err_set(err, ERR_USAGE, "%s:%zu: NAME:ARCH SHA256 FILE", argv[4], i + 1);
		debs[i] = (struct tree_deb){f.v[0], f.v[2], f.v[1]};
	}
	for (char **p = argv + 5; *p; p++)
		tree_layers(&layers, *p);
	struct tree_job job = {.spec = &spec,
		.debs = debs,
		.n_debs = lines.n,
		.parents = (const char *const *)layers.v,
		.cache = argv[0],
		.outdir = argv[1],
		.epoch = epoch,
		.log = log};
	if (tree_unpack_debs(argv[0], debs, lines.n, 0, err) < 0)
		return -1;
	return tree_compose(&job, err);
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err e = ERR_INIT;
	int r = -1;

	if (argc > 6 && strcmp(argv[1], "compose") == 0)
		r = compose(argv + 2, &e);
	else if (argc > 2 && strcmp(argv[1], "list") == 0)
		r = list(argv + 2, &e);
	else if (argc == 3 && strcmp(argv[1], "list-root") == 0)
		r = list_root(argv[2], &e);
	else if (argc == 3 && strcmp(argv[1], "remove") == 0)
		r = ns_remove(argv[2], &e);
	if (r < 0)
		fprintf(stderr, "tree: %s\n", e.msg ? e.msg : "usage: see the top of tree.c");
	return r < 0;
}
