#include "boot/modbuild.h"
#include "base/mem.h"
#include "base/path.h"
#include "boot/initrd.h"
#include "boot/modsign.h"
#include "tree/tools.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE "source"	      /* the copy, in the working directory */
#define INSIDE "/kiln"	      /* where files of this host are seen */
#define MODULE_MAX (1U << 30) /* of one file */

/* ---- compile ---- */

struct making {
	const struct modbuild *b;
	const char *work; /* host directory, seen as TOOLS_WORK */
	const char *kernel;
};

static int run(
	const struct making *m, const char *const *argv, const char *cwd, const struct ns_bind *more, struct err *err)
{
	_cleanup_strvec_ struct strvec env = STRVEC_INIT;
	const struct ns_bind binds[] = {{.from = m->work, .to = TOOLS_WORK}, more ? *more : (struct ns_bind){0}, {0}};

	ns_environment(&env, m->b->epoch);
	/* What a kernel's Makefile would ask the machine for. */
	strvec_addl(&env, "KBUILD_BUILD_USER=kiln", "KBUILD_BUILD_HOST=kiln", NULL);
	strvec_addf(&env, "KBUILD_BUILD_TIMESTAMP=@%llu", (unsigned long long)m->b->epoch);
	struct ns_opts opts = {.root = {.lowers = m->b->lowers},
		.binds = binds,
		.cwd = cwd,
		.env = (const char *const *)env.v,
		.dev = true,
		.no_sync = true,
		.epoch = m->b->epoch,
		.proc = {.log = m->b->log}};
	return ns_run(&opts, argv, err);
}

/* The one directory that the pattern means. */
static int find_source(const struct modbuild *b, char **ret, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_free_ char *dir = path_dir(b->spec->source);

	if (tree_names(b->lowers, dir + 1, path_base(b->spec->source), &names, err) < 0)
		return -1;
	if (names.n != 1) {
		_cleanup_free_ char *list = strvec_join(&names, ", ");
		err_set(err, ERR_CONFIG, "%s is %s%s%s", b->spec->source,
			names.n ? "more than one directory" : "in none of its packages", names.n ? ": " : "", list);
		return err_hint(err, "`build:` of the firmware set says `source:` and `packages:`");
	}
	*ret = path_join(dir, names.v[0]);
	return 0;
}

static int apply_patches(const struct making *m, struct err *err)
{
	for (size_t i = 0; i < m->b->spec->patches.n; i++) {
		const struct file_spec *f = &m->b->spec->patches.v[i];
		const struct ns_bind bind = {.from = f->source, .to = INSIDE "/patch", .read_only = true};
		/* Without fuzz: a place that only looks like the right one is no place. */
		const char *argv[] = {
			"patch", "-p1", "-N", "-f", "-F0", "--no-backup-if-mismatch", "-i", INSIDE "/patch", NULL};
		if (run(m, argv, TOOLS_WORK "/" SOURCE, &bind, err) < 0) {
			err_wrap(err, "the patch %s does not fit these sources", f->path);
			return err_hint(err, "the packages have changed: `patches:` of the firmware set %s must follow",
				m->b->spec->set);
		}
	}
	return 0;
}

static char *fill_in(const struct making *m, const char *text)
{
	_cleanup_free_ char *jobs = xasprintf("%u", m->b->jobs ? m->b->jobs : 1);
	const char *const known[][2] = {
		{"${jobs}", jobs}, {"${kernel}", m->kernel}, {"${source}", TOOLS_WORK "/" SOURCE}};
	struct strbuf b = STRBUF_INIT;

	while (*text) {
		size_t k = 0;
		while (k < ARRAY_SIZE(known) && !str_starts(text, known[k][0]))
			k++;
		if (k < ARRAY_SIZE(known)) {
			strbuf_adds(&b, known[k][1]);
			text += strlen(known[k][0]);
		} else {
			strbuf_addc(&b, *text++);
		}
	}
	return b.s ? strbuf_steal(&b) : xstrdup("");
}

static int run_commands(const struct making *m, struct err *err)
{
	for (size_t i = 0; i < m->b->spec->commands.n; i++) {
		const struct str_list *words = &m->b->spec->commands.v[i];
		_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
		for (size_t k = 0; k < words->n; k++)
			strvec_take(&argv, fill_in(m, words->v[k]));
		if (run(m, (const char *const *)argv.v, TOOLS_WORK "/" SOURCE, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* A file below the copy of the source, and no link that leads out of it. */
static char *read_module(const struct making *m, const char *name, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *dir = path_join(m->work, SOURCE), *path = path_join(dir, name);
	_cleanup_fd_ int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = root < 0 ? -1 : path_open_beneath(root, name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return path_read(path, MODULE_MAX, ret_len, err);
	err_set(err, ERR_CONFIG, "the commands left no file %s", name);
	return NULL;
}

/* "vermagic=VERSION FLAGS": the kernel loads no module with another one. */
static int check_vermagic(const char *data, size_t len, const char *name, const char *kernel, struct err *err)
{
	static const char mark[] = "vermagic=";
	const char *end = data + len, *at = memmem(data, len, mark, sizeof mark - 1);

	if (!at)
		return err_set(err, ERR_CONFIG, "%s is no kernel module: it has no vermagic", name);
	at += sizeof mark - 1;
	size_t n = 0;
	while (at + n < end && at[n] && at[n] != ' ')
		n++;
	if (n == strlen(kernel) && memcmp(at, kernel, n) == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "%s is for the kernel %.*s, not for %s", name, (int)n, at, kernel);
}

static int take_modules(const struct making *m, const char *dir, struct err *err)
{
	const struct str_list *names = &m->b->spec->modules;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	strvec_addl(&argv, "strip", "--strip-debug", "--", NULL);
	strvec_add_all(&argv, (const char *const *)names->v);
	for (size_t i = 0; i < names->n; i++) { /* by kiln before strip, which follows links */
		size_t len;
		_cleanup_free_ char *data = read_module(m, names->v[i], &len, err);
		if (!data || check_vermagic(data, len, names->v[i], m->kernel, err) < 0)
			return -1;
	}
	if (run(m, (const char *const *)argv.v, TOOLS_WORK "/" SOURCE, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < names->n; i++) {
		size_t len;
		_cleanup_free_ char *data = read_module(m, names->v[i], &len, err);
		_cleanup_free_ char *to = path_join(dir, path_base(names->v[i]));
		if (!data || path_write(to, data, len, 0644, err) < 0)
			return -1;
	}
	return 0;
}

static int make_in(const struct making *m, const char *dir, struct err *err)
{
	_cleanup_free_ char *source = NULL, *note = path_join(dir, "kernel");

	if (find_source(m->b, &source, err) < 0)
		return -1;
	const char *copy[] = {"cp", "-dR", "--preserve=mode,timestamps", "--", source, SOURCE, NULL};
	if (run(m, copy, TOOLS_WORK, NULL, err) < 0 || apply_patches(m, err) < 0 || run_commands(m, err) < 0 ||
		take_modules(m, dir, err) < 0)
		return -1;
	return path_write(note, m->kernel, strlen(m->kernel), 0644, err);
}

int modbuild_make(const struct modbuild *b, const char *dir, struct err *err)
{
	_cleanup_free_ char *kernel = NULL, *work = path_join(dir, "work"), *what = NULL;

	what = xasprintf("the tree %s", b->spec->tree->id);
	if (kernel_version(b->lowers, what, &kernel, err) < 0)
		return err_hint(err, "`packages:` of its `build:` bring the headers of one kernel");
	const struct making m = {.b = b, .work = work, .kernel = kernel};
	if (path_mkdirs(work, err) < 0 || make_in(&m, dir, err) < 0)
		return -1;
	return ns_remove(work, err); /* an ordinary user's sub-ids may own what is in it */
}

/* ---- sign ---- */

/* sign-file says nothing of what it did. */
static int check_signed(const char *path, const char *certificate, struct err *err)
{
	size_t len, n;
	_cleanup_free_ char *data = path_read(path, MODULE_MAX, &len, err),
			    *der = data ? path_read(certificate, MODULE_MAX, &n, err) : NULL;

	if (!der)
		return -1;
	if (modsign_check(data, len, der, n, err) == 0)
		return 0;
	return err_hint(
		err, "sign-file of the kernel's headers made it: `kiln lock` takes newer ones; and is the disk full?");
}

int modbuild_sign(const struct modbuild *b, const char *from, const char *key, const char *certificate, const char *dir,
	struct err *err)
{
	const struct ns_bind binds[] = {{.from = key, .to = INSIDE "/key.pem", .read_only = true}, {0}};
	const struct tools tools = {.lowers = b->lowers, .epoch = b->epoch};
	_cleanup_free_ char *kernel = NULL;

	if (kernel_version(b->lowers, b->spec->tree->id, &kernel, err) < 0)
		return -1;
	_cleanup_free_ char *program = xasprintf("/usr/lib/modules/%s/build/scripts/sign-file", kernel);
	for (size_t i = 0; i < b->spec->modules.n; i++) {
		const char *name = path_base(b->spec->modules.v[i]);
		_cleanup_free_ char *in = path_join(from, name), *out = path_join(dir, name);
		const char *argv[] = {program, "sha256", INSIDE "/key.pem", INSIDE "/key.pem", name, NULL};
		if (path_copy(in, out, 0644, err) < 0 || tools_run_with(&tools, dir, binds, argv, NULL, err) < 0 ||
			check_signed(out, certificate, err) < 0)
			return err_wrap(err, "sign %s", name);
	}
	return 0;
}

/* ---- depmod ---- */

/* What depmod wrote below its output directory, which it lays out as it looks for modules: lib or usr/lib. */
static int move_tables(const char *work, const char *kernel, const char *to, struct err *err)
{
	static const char *const places[] = {"usr/lib", "lib"};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *dir = xasprintf("%s/%s/modules/%s", work, places[i], kernel);
		DIR *d = opendir(dir);
		int r = 0;
		for (struct dirent *e; r == 0 && d && (e = readdir(d));) {
			_cleanup_free_ char *old = path_join(dir, e->d_name), *new = path_join(to, e->d_name);
			if (!str_starts(e->d_name, "modules."))
				continue;
			r = path_copy(old, new, 0644, err);
			n++;
		}
		if (d)
			closedir(d);
		if (r < 0)
			return -1;
	}
	return n ? 0 : err_set(err, ERR_TOOL, "depmod wrote no tables for %s", kernel);
}

int modbuild_depmod(const char *const *os_lowers, const char *kernel, uint64_t epoch, const char *tree,
	const char *work, struct err *err)
{
	_cleanup_free_ char *below = xasprintf(MODULES_DIR, kernel), *updates = path_join(tree, below);
	_cleanup_free_ char *seen = path_join("/", below), *to = path_dir(updates);
	const struct ns_bind binds[] = {{.from = updates, .to = seen, .read_only = true}, {0}};
	const struct tools os = {.lowers = os_lowers, .epoch = epoch};
	const char *argv[] = {"depmod", "-o", TOOLS_WORK, kernel, NULL};

	if (tools_run_with(&os, work, binds, argv, NULL, err) < 0)
		return -1;
	return move_tables(work, kernel, to, err);
}
