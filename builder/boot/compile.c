#include "boot/compile.h"
#include "base/mem.h"
#include "base/path.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define SOURCES "/kiln/src"

static const char *const init_shared[] = {"base/gptread.c", NULL};
const struct target_program target_init = {.name = "init", .shared = init_shared, .is_static = true};

static const char *const agent_shared[] = {"base/err.c", "base/filter.c", "base/hash.c", "base/json.c", "base/log.c",
	"base/mem.c", "base/path.c", "base/plain.c", "base/proc.c", "base/progress.c", "base/str.c", "base/strvec.c",
	NULL};
static const char *const agent_libs[] = {
	"-lcurl", "-lcrypto", "-ljansson", "-lmicrohttpd", "-lcrypt", "-lpthread", NULL};
static const char *const agent_cflags[] = {"-include", "base/banned.h", NULL};
const struct target_program target_agent = {
	.name = "agent", .shared = agent_shared, .cflags = agent_cflags, .libs = agent_libs};

char *target_sources(const char *const *data_roots, struct err *err)
{
	static const char *const places[] = {"builder", "."};

	for (const char *const *r = data_roots; *r; r++)
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			_cleanup_free_ char *dir = path_join(*r, places[i]), *target = path_join(dir, "target");
			if (path_is_dir(target))
				return steal(dir);
		}
	err_set(err, ERR_CONFIG, "the sources of the programs that run on the appliance (target/) are in no data root");
	err_hint(err, "KILN_DATA names kiln's data directory (`make install` puts it under share/kiln)");
	return NULL;
}

/* Names of the regular files of a directory that end in one of two suffixes, as "DIR/NAME", sorted. */
static int list_files(const char *source_dir, const char *dir, const char *suffix, const char *other,
	struct strvec *out, struct err *err)
{
	_cleanup_free_ char *path = path_join(source_dir, dir);
	DIR *d = opendir(path);

	if (!d)
		return err_sys(err, errno, "open %s", path);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && (str_ends(e->d_name, suffix) || (other && str_ends(e->d_name, other))))
			strvec_addf(out, "%s/%s", dir, e->d_name);
	closedir(d);
	strvec_sort(out);
	return 0;
}

static void add_flags(struct strvec *argv, const struct target_program *p)
{
	strvec_addl(argv, "-std=gnu17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O2", "-Wall",
		"-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-I" SOURCES, NULL);
	strvec_addf(argv, "-I" SOURCES "/target/%s", p->name);
	strvec_addl(argv, p->is_static ? "-static" : "-pie", p->is_static ? "-fno-pie" : "-fPIE", "-s",
		"-Wl,--build-id=none,-z,relro,-z,now", NULL);
	if (p->cflags)
		strvec_add_all(argv, p->cflags);
}

int target_hash(const struct target_program *p, char hex[HASH_HEX], struct err *err)
{
	_cleanup_strvec_ struct strvec files = STRVEC_INIT, flags = STRVEC_INIT;
	_cleanup_free_ char *own = xasprintf("target/%s", p->name);

	if (list_files(p->source_dir, own, ".c", ".h", &files, err) < 0)
		return -1;
	if (p->shared && (list_files(p->source_dir, "base", ".h", NULL, &files, err) < 0))
		return -1;
	if (p->shared)
		strvec_add_all(&files, p->shared);
	add_flags(&flags, p);
	if (p->libs)
		strvec_add_all(&flags, p->libs);
	struct hash *h = hash_new();
	int r = 0;
	for (size_t i = 0; i < flags.n; i++)
		hash_field(h, flags.v[i]);
	for (size_t i = 0; i < files.n && r == 0; i++) {
		_cleanup_free_ char *path = path_join(p->source_dir, files.v[i]);
		char one[HASH_HEX] = "";
		r = hash_file(path, one, err);
		hash_field(h, files.v[i]);
		hash_field(h, one);
	}
	hash_end(h, hex);
	return r;
}

int target_compile(const struct tools *t, const struct target_program *p, const char *out, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, sources = STRVEC_INIT;
	_cleanup_free_ char *own = xasprintf("target/%s", p->name);
	_cleanup_workdir_ char *dir = tools_workdir(out, err);

	if (!dir || list_files(p->source_dir, own, ".c", NULL, &sources, err) < 0)
		return -1;
	if (p->shared)
		strvec_add_all(&sources, p->shared);
	strvec_add(&argv, "gcc");
	add_flags(&argv, p);
	strvec_addl(&argv, "-o", "program", NULL);
	for (size_t i = 0; i < sources.n; i++)
		strvec_addf(&argv, SOURCES "/%s", sources.v[i]);
	if (p->libs)
		strvec_add_all(&argv, p->libs);
	const struct ns_bind binds[] = {{.from = p->source_dir, .to = SOURCES, .read_only = true}, {0}};
	if (tools_run_with(t, dir, binds, (const char *const *)argv.v, NULL, err) < 0)
		return err_wrap(err, "compile %s for the appliance", p->name);
	return tools_publish(dir, "program", out, err);
}
