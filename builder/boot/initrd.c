#include "boot/initrd.h"
#include "base/mem.h"
#include "base/path.h"
#include "boot/cpio.h"
#include "boot/kmod.h"
#include "boot/microcode.h"
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TABLE_MAX (64U << 20)	/* depmod's tables */
#define MODULE_MAX (256U << 20) /* one module, decompressed */

/* What /init itself loads whatever the hardware (builder/target/init/init.c). */
static const char *const init_modules[] = {"dm_verity", "squashfs", "ext4", "loop", "efivarfs?"};

/* ---- the kernel ---- */

void kernel_release(struct kernel *k)
{
	free(k->version);
	free(k->image);
	*k = (struct kernel){0};
}

int kernel_version(const char *const *lowers, const char *what, char **ret, struct err *err)
{
	_cleanup_strvec_ struct strvec versions = STRVEC_INIT;

	if (tree_names(lowers, "usr/lib/modules", "*", &versions, err) < 0)
		return -1;
	if (versions.n == 0)
		return err_set(err, ERR_CONFIG, "%s has no kernel", what);
	if (versions.n > 1) {
		_cleanup_free_ char *list = strvec_join(&versions, ", ");
		return err_set(err, ERR_CONFIG, "%s has %zu kernels: %s", what, versions.n, list);
	}
	*ret = xstrdup(versions.v[0]);
	return 0;
}

int kernel_find(const char *const *os_lowers, struct kernel *ret, struct err *err)
{
	_cleanup_free_ char *version = NULL;

	if (kernel_version(os_lowers, "the OS tree", &version, err) < 0)
		return err_hint(err, "`kernel:` of the profile names a firmware set that brings one");
	_cleanup_free_ char *path = xasprintf("boot/vmlinuz-%s", version);
	ret->image = tree_file(os_lowers, path, err);
	if (!ret->image)
		return err_wrap(err, "kernel");
	ret->version = steal(version);
	return 0;
}

/* ---- modules ---- */

static char *read_table(const struct initrd_spec *s, const char *name, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("usr/lib/modules/%s/%s", s->kernel, name);
	_cleanup_free_ char *file = tree_file(s->os_lowers, path, err);

	return file ? path_read(file, TABLE_MAX, NULL, err) : NULL;
}

static int load_tables(struct kmods *k, const struct initrd_spec *s, struct err *err)
{
	_cleanup_free_ char *dep = read_table(s, "modules.dep", err);
	_cleanup_free_ char *soft = dep ? read_table(s, "modules.softdep", err) : NULL;
	_cleanup_free_ char *alias = soft ? read_table(s, "modules.alias", err) : NULL;
	_cleanup_free_ char *builtin = alias ? read_table(s, "modules.builtin", err) : NULL;

	if (!builtin) {
		err_wrap(err, "initrd");
		return err_hint(err, "depmod makes these tables when the kernel's package is configured");
	}
	kmods_parse(k, dep, soft, alias, builtin);
	return 0;
}

static int choose(struct kmods *k, const char *name, struct err *err)
{
	size_t n = strlen(name);
	bool optional = n && name[n - 1] == '?';
	_cleanup_free_ char *plain = xstrndup(name, optional ? n - 1 : n);

	return kmods_need(k, plain, optional, err);
}

static void cleanup_archive(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

/*
 * The whole module, decompressed: zstd over all of them is as small as .xz inside, and nothing is unpacked twice at
 * boot. The signature at its end stays.
 */
static int read_module(const char *file, struct strbuf *out, struct err *err)
{
	struct archive *a __attribute__((cleanup(cleanup_archive))) = archive_read_new();
	struct archive_entry *entry;
	char buf[65536];
	la_ssize_t n;

	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	strbuf_reset(out);
	if (archive_read_open_filename(a, file, sizeof buf) != ARCHIVE_OK ||
		archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return err_set(err, ERR_IO, "read %s: %s", file, archive_error_string(a));
	while ((n = archive_read_data(a, buf, sizeof buf)) > 0) {
		if (out->len + (size_t)n > MODULE_MAX)
			return err_set(err, ERR_VERIFY, "read %s: larger than %u MiB", file, MODULE_MAX >> 20);
		strbuf_add(out, buf, (size_t)n);
	}
	return n < 0 ? err_set(err, ERR_IO, "read %s: %s", file, archive_error_string(a)) : 0;
}

static int add_modules(struct cpio *c, struct kmods *k, const struct initrd_spec *s, struct err *err)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;

	for (size_t i = 0; i < k->all.n; i++) {
		const struct kmod *m = &k->all.v[i];
		if (!m->needed)
			continue;
		_cleanup_free_ char *path = xasprintf("usr/lib/modules/%s/%s", s->kernel, m->path);
		_cleanup_free_ char *file = tree_file(s->os_lowers, path, err);
		_cleanup_free_ char *name = xasprintf("m/%s.ko", m->name);
		if (!file || read_module(file, &content, err) < 0)
			return err_wrap(err, "initrd");
		cpio_add(c, name, S_IFREG | 0644, content.s, content.len);
	}
	return 0;
}

/* ---- the archive ---- */

static int fill(struct cpio *c, struct kmods *k, const struct initrd_spec *s, struct err *err)
{
	static const char *const dirs[] = {"dev", "m", "proc", "run", "s", "sys"};
	_cleanup_strbuf_ struct strbuf dep = STRBUF_INIT, alias = STRBUF_INIT;
	size_t len = 0;
	_cleanup_free_ char *init = path_read(s->init, MODULE_MAX, &len, err);

	if (!init)
		return err_wrap(err, "initrd");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		cpio_add(c, dirs[i], S_IFDIR | 0755, NULL, 0);
	cpio_add_device(c, "dev/console", S_IFCHR | 0600, 5, 1); /* the kernel opens it before /init runs */
	cpio_add(c, "init", S_IFREG | 0755, init, len);
	kmods_dep_table(k, &dep);
	kmods_alias_table(k, &alias);
	cpio_add(c, "m/alias", S_IFREG | 0644, strbuf_cstr(&alias), alias.len);
	cpio_add(c, "m/dep", S_IFREG | 0644, strbuf_cstr(&dep), dep.len);
	if (add_modules(c, k, s, err) < 0)
		return -1;
	cpio_end(c);
	return 0;
}

int initrd_put_before(const struct cpio *early, const char *dir, struct err *err)
{
	_cleanup_free_ char *from = path_join(dir, "initrd"), *to = path_join(dir, "whole");
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (in < 0 || fd < 0 || fd_write_all(fd, early->b.s, early->b.len) < 0 || fd_copy(in, fd, UINT64_MAX) < 0)
		return err_sys(err, errno, "%s", to);
	return 0;
}

/* zstd of the tools tree, one thread: same bytes everywhere. */
static int compress(const struct tools *t, const struct cpio *early, const struct cpio *c, unsigned level,
	const char *out, struct err *err)
{
	_cleanup_workdir_ char *dir = tools_workdir(out, err);
	if (!dir)
		return -1;
	_cleanup_free_ char *raw = path_join(dir, "cpio"), *arg = xasprintf("-%u", level ? level : 19);
	const char *argv[] = {"zstd", "-q", "-T1", arg, "-o", "initrd", "cpio", NULL};
	if (path_write(raw, c->b.s, c->b.len, 0644, err) < 0 || tools_run(t, dir, argv, NULL, err) < 0)
		return err_wrap(err, "initrd");
	if (early->b.len && initrd_put_before(early, dir, err) < 0)
		return -1;
	return tools_publish(dir, early->b.len ? "whole" : "initrd", out, err);
}

int initrd_build(const struct tools *t, const struct initrd_spec *spec, const char *out, struct err *err)
{
	_cleanup_kmods_ struct kmods k = {0};
	_cleanup_cpio_ struct cpio c = {0}, early = {0};

	if (load_tables(&k, spec, err) < 0)
		return -1;
	if (spec->microcode && microcode_archive(&early, spec->os_lowers, spec->microcode, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(init_modules); i++)
		if (choose(&k, init_modules[i], err) < 0)
			return -1;
	for (size_t i = 0; spec->modules && i < spec->modules->n; i++)
		if (choose(&k, spec->modules->v[i], err) < 0)
			return -1;
	if (fill(&c, &k, spec, err) < 0)
		return -1;
	return compress(t, &early, &c, spec->level, out, err);
}
