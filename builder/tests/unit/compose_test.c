/* Composing trees without configuration: what dpkg's unpacking does to files, directories and its database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/path.h"
#include "base/vec.h"
#include "deb_build.h"
#include "tree/namespace.h"
#include "tree/tree.h"
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCH 1700000000
#define LIST(...) (const struct deb_entry[]){__VA_ARGS__}, ARRAY_SIZE(((const struct deb_entry[]){__VA_ARGS__}))
#define ROOT                                                                                                           \
	{                                                                                                              \
		.path = "./", .type = AE_IFDIR                                                                         \
	}
#define DIR_(p)                                                                                                        \
	{                                                                                                              \
		.path = p, .type = AE_IFDIR                                                                            \
	}
#define FILE_(p, t)                                                                                                    \
	{                                                                                                              \
		.path = p, .type = AE_IFREG, .text = t                                                                 \
	}

static char *top, *cache;
static VEC(struct tree_deb) debs;

static int setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	top = path_tempdir(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", "kiln-compose-", &e);
	cache = top ? path_join(top, "cache") : NULL;
	return top ? 0 : -1;
}

static void forget(void)
{
	for (size_t i = 0; i < debs.n; i++) {
		free((char *)debs.v[i].name);
		free((char *)debs.v[i].path);
		free((char *)debs.v[i].sha256);
	}
	vec_release(&debs);
}

static int teardown(void **state)
{
	struct err e = ERR_INIT;
	int r = ns_remove(top, &e);

	(void)state;
	forget();
	free(top);
	free(cache);
	return r;
}

/* A package for the next tree; `fields` are further control fields. */
static void package(const char *name, const char *fields, const struct deb_entry *e, size_t n)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *control = xasprintf("Package: %s\nVersion: 1\nArchitecture: all\n%s", name, fields);
	char hex[HASH_HEX];

	deb_make(&deb, control, e, n);
	hash_bytes(deb.s, deb.len, hex);
	struct tree_deb d = {xasprintf("%s:all", name), xasprintf("%s/%s.deb", top, name), xstrdup(hex)};
	assert_int_equal(path_write(d.path, deb.s, deb.len, 0644, &err), 0);
	vec_push(&debs, d);
}

/* Compose what was collected into top/NAME over the composed tree `parent` (or NULL). The message of the error, or
 * NULL. */
static char *compose(const char *name, const char *parent, const struct tree_spec *spec)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *out = path_join(top, name), *below = parent ? path_join(top, parent) : NULL;
	_cleanup_strvec_ struct strvec parents = STRVEC_INIT;
	struct tree_spec plain = {.id = name};

	if (below)
		tree_layers(&parents, below);
	struct tree_job job = {.spec = spec ? spec : &plain,
		.debs = debs.v,
		.n_debs = debs.n,
		.parents = (const char *const *)parents.v,
		.cache = cache,
		.outdir = out,
		.epoch = EPOCH};
	assert_int_equal(path_mkdirs(out, &e), 0);
	if (tree_unpack_debs(cache, debs.v, debs.n, 2, &e) < 0 || tree_compose(&job, &e) < 0)
		return xstrdup(e.msg);
	return NULL;
}

static void composed(const char *name, const char *parent, const struct tree_spec *spec)
{
	_cleanup_free_ char *why = compose(name, parent, spec);

	if (why)
		fail_msg("%s", why);
	forget();
}

static void refused(const char *name, const char *parent, const struct tree_spec *spec, const char *message)
{
	_cleanup_free_ char *why = compose(name, parent, spec);

	assert_non_null(why);
	assert_string_equal(why, message);
	forget();
}

/* Run a check in the namespace with the tree (over its parent) as root. */
static void inside(const char *name, const char *parent, int (*fn)(void *, struct err *))
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	_cleanup_free_ char *a = path_join(top, name), *b = parent ? path_join(top, parent) : NULL;

	tree_layers(&layers, a);
	if (b)
		tree_layers(&layers, b);
	struct ns_opts o = {.root = {.lowers = (const char *const *)layers.v}};
	if (ns_call_in(&o, fn, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static int has(const char *path, const char *text, struct err *err)
{
	_cleanup_free_ char *got = path_read(path, 1 << 20, NULL, err);

	if (!got)
		return -1;
	return strcmp(got, text) == 0 ? 0 : err_set(err, ERR_TEST, "%s holds \"%s\"", path, got);
}

static int is(const char *path, unsigned mode, unsigned uid, unsigned gid, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_sys(err, errno, "%s", path);
	if ((st.st_mode & 07777) == mode && st.st_uid == uid && st.st_gid == gid)
		return 0;
	return err_set(err, ERR_TEST, "%s: mode %o, owner %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
}

static int links_to(const char *path, const char *target, struct err *err)
{
	char to[256] = {0};

	if (readlink(path, to, sizeof to - 1) < 0)
		return err_sys(err, errno, "%s", path);
	return strcmp(to, target) == 0 ? 0 : err_set(err, ERR_TEST, "%s leads to %s", path, to);
}

static int gone(const char *path, struct err *err)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : err_set(err, ERR_TEST, "%s is there", path);
}

#define ALL(...)                                                                                                       \
	do {                                                                                                           \
		int all_[] = {__VA_ARGS__};                                                                            \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(all_); i_++)                                                       \
			if (all_[i_] < 0)                                                                              \
				return -1;                                                                             \
	} while (0)

static int look_shared(void *arg, struct err *err)
{
	(void)arg;
	ALL(is("/usr/share/both", 0750, 5, 6, err), has("/usr/share/both/a", "a", err),
		has("/usr/share/both/b", "b", err), has("/usr/share/moved", "new", err),
		has("/var/lib/dpkg/info/alpha.list", "/.\n/usr\n/usr/share\n/usr/share/both\n/usr/share/both/a\n", err),
		has("/var/lib/dpkg/info/beta.list",
			"/.\n/usr\n/usr/share\n/usr/share/both\n/usr/share/both/b\n/usr/share/moved\n", err),
		has("/var/lib/dpkg/status",
			"Package: alpha\nStatus: install ok unpacked\nVersion: 1\nArchitecture: all\n\n"
			"Package: beta\nStatus: install ok unpacked\nVersion: 1\nArchitecture: all\nReplaces: alpha "
			"(<< 2), other\n\n",
			err),
		links_to("/lib", "usr/lib", err));
	return 0;
}

static void directories_are_shared_files_replaced(void **state)
{
	(void)state;
	package("beta", "Replaces: alpha (<< 2), other\n",
		LIST(ROOT, DIR_("./usr/"), DIR_("./usr/share/"), DIR_("./usr/share/both/"),
			FILE_("./usr/share/both/b", "b"), FILE_("./usr/share/moved", "new")));
	package("alpha", "",
		LIST(ROOT, DIR_("./usr/"), DIR_("./usr/share/"),
			{.path = "./usr/share/both/", .type = AE_IFDIR, .mode = 0750, .uid = 5, .gid = 6},
			FILE_("./usr/share/both/a", "a"), FILE_("./usr/share/moved", "old")));
	composed("shared", NULL, NULL);
	inside("shared", NULL, look_shared);
}

static void conflicts_are_errors(void **state)
{
	(void)state;
	package("one", "", LIST(ROOT, DIR_("./usr/"), FILE_("./usr/x", "1")));
	package("two", "", LIST(ROOT, DIR_("./usr/"), FILE_("./usr/x", "2")));
	refused("conflict", NULL, NULL, "compose tree conflict: packages one and two both have /usr/x");
	package("one", "", LIST(ROOT, DIR_("./usr/"), FILE_("./usr/x", "1")));
	package("two", "", LIST(ROOT, DIR_("./usr/"), DIR_("./usr/x/")));
	refused("kinds", NULL, NULL,
		"compose tree kinds: package two has the directory /usr/x, which is a file of another package");
	package("loop", "",
		LIST(ROOT, {.path = "./a", .type = AE_IFLNK, .text = "b"},
			{.path = "./b", .type = AE_IFLNK, .text = "a"}));
	package("zz", "", LIST(ROOT, DIR_("./a/"), FILE_("./a/x", "x")));
	refused("loop", NULL, NULL, "compose tree loop: /b: too many links");
}

static int look_merged(void *arg, struct err *err)
{
	(void)arg;
	ALL(has("/usr/lib/old/file", "f", err), has("/lib/old/file", "f", err), has("/opt/real/in", "i", err),
		links_to("/opt/alias", "real", err), links_to("/usr/lib/kept", "old", err));
	return 0;
}

/* Links to directories are followed, as dpkg does; what leads out of the tree ends at its root. */
static void links_to_directories_are_followed(void **state)
{
	(void)state;
	package("aa-links", "",
		LIST(ROOT, DIR_("./opt/"), DIR_("./opt/real/"),
			{.path = "./opt/alias", .type = AE_IFLNK, .text = "real"},
			{.path = "./out", .type = AE_IFLNK, .text = "../../../../canaries"}));
	package("files", "",
		LIST(ROOT, DIR_("./lib/"), DIR_("./lib/old/"), FILE_("./lib/old/file", "f"),
			{.path = "./lib/kept", .type = AE_IFLNK, .text = "old"}, DIR_("./opt/"), DIR_("./opt/alias/"),
			FILE_("./opt/alias/in", "i"), DIR_("./out/"), FILE_("./out/inside-only", "")));
	package("bb-usr", "", LIST(ROOT, {.path = "./lib", .type = AE_IFLNK, .text = "usr/lib"}));
	composed("merged", NULL, NULL);
	inside("merged", NULL, look_merged);
}

static int look_layer(void *arg, struct err *err)
{
	(void)arg;
	ALL(is("/srv/data", 02770, 7, 8, err), has("/srv/data/below", "b", err), has("/srv/data/above", "a", err),
		has("/usr/bin/tool.other", "tool", err), gone("/usr/bin/tool", err), has("/usr/bin/own", "own", err));
	return 0;
}

static void layers_keep_what_is_below(void **state)
{
	static const char diversions[] =
		"/usr/bin/tool\n/usr/bin/tool.other\ndiverter\n/usr/bin/own\n/usr/bin/own.x\nupper-one\n";

	(void)state;
	package("below", "",
		LIST(ROOT, DIR_("./srv/"), {.path = "./srv/data/", .type = AE_IFDIR, .mode = 02770, .uid = 7, .gid = 8},
			FILE_("./srv/data/below", "b"), DIR_("./var/"), DIR_("./var/lib/"), DIR_("./var/lib/dpkg/"),
			FILE_("./var/lib/dpkg/diversions", diversions)));
	composed("below", NULL, NULL);
	package("upper-one", "",
		LIST(ROOT, DIR_("./srv/"), DIR_("./srv/data/"), FILE_("./srv/data/above", "a"), DIR_("./usr/"),
			DIR_("./usr/bin/"), FILE_("./usr/bin/tool", "tool"), FILE_("./usr/bin/own", "own")));
	composed("above", "below", NULL);
	inside("above", "below", look_layer);
}

static int look_placed(void *arg, struct err *err)
{
	struct stat st;

	(void)arg;
	ALL(is("/etc/app/secret", 0400, 123, 45, err), has("/etc/app/secret", "s", err),
		is("/var/lib/app", 0700, 123, 123, err), has("/etc/app/script", "#!/bin/sh\n", err),
		is("/etc/app/script", 0755, 0, 0, err), links_to("/usr/bin/app", "/opt/app", err),
		links_to("/etc/systemd/system/x.service", "/dev/null", err), gone("/usr/share/doc/a", err),
		gone("/usr/share/doc/.hidden", err), gone("/usr/share/doc/dir", err),
		is("/usr/share/doc", 0755, 0, 0, err), gone("/etc/passwd-", err), has("/etc/machine-id", "", err),
		has("/etc/shadow", "root:*:19675:0:99999:7:::\nlocked:!::0:::::\n", err),
		gone("/etc/app/runtime", err));
	if (stat("/etc/app/secret", &st) < 0 || st.st_mtime != EPOCH || st.st_mtim.tv_nsec)
		return err_set(err, ERR_TEST, "time of a placed file");
	return 0;
}

static void the_specification_is_placed(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *script = path_join(top, "script");
	struct file_spec files[] = {
		{.path = "/etc/app/secret", .text = "s", .owner = "app", .group = "grp", .mode = 0400},
		{.path = "/etc/app/script", .source = script},
		{.path = "/etc/app/runtime", .text = "x", .runtime = true}};
	struct dir_spec dirs[] = {{.path = "/var/lib/app", .owner = "app", .mode = 0700}};
	struct kv links[] = {{.key = "/usr/bin/app", .value = "/opt/app"}};
	const char *remove[] = {"/usr/share/doc/*", "/nothing/of/*", NULL}, *mask[] = {"x.service", NULL};
	struct tree_spec spec = {.id = "placed",
		.files = {files, 3},
		.dirs = {dirs, 1},
		.links = {links, 1},
		.remove = {remove, 2},
		.mask = {mask, 1}};
	static const char shadow[] = "root:*:20000:0:99999:7:::\nlocked:!::0:::::\n";

	(void)state;
	assert_int_equal(path_write(script, "#!/bin/sh\n", 10, 0755, &e), 0);
	assert_int_equal(chmod(script, 0755), 0);
	package("users", "",
		LIST(ROOT, DIR_("./etc/"), FILE_("./etc/passwd", "root::0:0:r:/:/s\napp:x:123:9:a:/:/s\n"),
			FILE_("./etc/group", "grp:x:45:\n"), FILE_("./etc/passwd-", "old"),
			FILE_("./etc/machine-id", "abc\n"), FILE_("./etc/shadow", shadow), DIR_("./usr/"),
			DIR_("./usr/share/"), DIR_("./usr/share/doc/"), FILE_("./usr/share/doc/a", ""),
			FILE_("./usr/share/doc/.hidden", ""), DIR_("./usr/share/doc/dir/"),
			FILE_("./usr/share/doc/dir/f", "")));
	composed("placed", NULL, &spec);
	inside("placed", NULL, look_placed);

	files[0].owner = "nobody-knows";
	package("users", "",
		LIST(ROOT, DIR_("./etc/"), FILE_("./etc/passwd", "root::0:0:r:/:/s\n"), FILE_("./etc/group", "")));
	refused("owner", NULL, &spec, "compose tree placed: directory /var/lib/app: /etc/passwd has no entry \"app\"");
	files[1].source = "/nonexistent/source";
	refused("source", NULL, &spec, "compose tree placed: open /nonexistent/source: No such file or directory");
}

/* Every path of a layer with what makes it. */
static int list_layer(int fd, const char *path, struct strbuf *out, struct err *err)
{
	struct strvec names = STRVEC_INIT;
	DIR *d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strvec_add(&names, e->d_name);
	closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct stat st;
		fstatat(fd, names.v[i], &st, AT_SYMLINK_NOFOLLOW);
		strbuf_addf(out, "%s/%s %o %u %u %lld.%09ld %lld\n", path, names.v[i], st.st_mode, st.st_uid, st.st_gid,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size);
		_cleanup_fd_ int child = openat(fd, names.v[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		_cleanup_free_ char *sub = xasprintf("%s/%s", path, names.v[i]);
		if (child >= 0 && list_layer(child, sub, out, err) < 0)
			return -1;
	}
	strvec_release(&names);
	return 0;
}

static int same_twice(void *arg, struct err *err)
{
	struct strbuf out[2] = {STRBUF_INIT, STRBUF_INIT};

	(void)arg;
	for (int i = 0; i < 2; i++) {
		_cleanup_free_ char *path = path_join(top, i ? "second" : "first");
		_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || list_layer(fd, "", &out[i], err) < 0)
			return err_sys(err, errno, "list %s", path);
	}
	int r = strcmp(out[0].s, out[1].s) == 0 ? 0
						: err_set(err, ERR_TEST, "first:\n%s\nsecond:\n%s", out[0].s, out[1].s);
	strbuf_release(&out[0]);
	strbuf_release(&out[1]);
	return r;
}

static void twice_is_the_same(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct file_spec files[] = {{.path = "/etc/new/file", .text = "s"}};
	const char *remove[] = {"/usr/share/*", NULL};
	struct tree_spec spec = {.id = "same", .files = {files, 1}, .remove = {remove, 1}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		package("p1", "", LIST(ROOT, DIR_("./usr/"), DIR_("./usr/share/"), FILE_("./usr/share/x", "x")));
		package("p2", "Depends: p1\n", LIST(ROOT, DIR_("./usr/"), FILE_("./usr/y", "y")));
		composed(i ? "second" : "first", NULL, &spec);
		usleep(20000);
	}
	if (ns_call(same_twice, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void wrong_packages_leave_nothing(void **state)
{
	_cleanup_free_ char *tmp = path_join(cache, "tmp");
	size_t left = 0;

	(void)state;
	package("good", "", LIST(ROOT, FILE_("./never-seen-before", "1")));
	package("bad", "", LIST(ROOT, FILE_("./f", "1")));
	memset((char *)debs.v[1].sha256, '0', 64);
	_cleanup_free_ char *why = compose("wrong", NULL, NULL);
	assert_non_null(why);
	assert_true(str_starts(why, "unpack bad:all: ") && strstr(why, "bad.deb: its SHA-256 is "));
	_cleanup_free_ char *good = xasprintf("%s/unpacked/%s", cache, debs.v[0].sha256);
	assert_false(path_exists(good)); /* all or none */
	DIR *d = opendir(tmp);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		left += e->d_name[0] != '.';
	closedir(d);
	assert_int_equal(left, 0);
	forget();

	/* What a killed kiln left is gone with the next unpacking. */
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *old = path_join(tmp, "deb-000000000000-killed/data/x"),
			    *mine = path_join(tmp, "deb-000000000000-killed");
	assert_int_equal(path_mkdirs(old, &e), 0);
	package("next", "", LIST(ROOT, FILE_("./next", "1")));
	composed("next", NULL, NULL);
	assert_false(path_exists(mine));

	package("nameless", "", LIST(ROOT));
	debs.v[0].sha256 = (free((char *)debs.v[0].sha256), NULL);
	refused("nohash", NULL, NULL, "package nameless:all has no SHA-256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_shared_files_replaced),
		cmocka_unit_test(conflicts_are_errors),
		cmocka_unit_test(links_to_directories_are_followed),
		cmocka_unit_test(layers_keep_what_is_below),
		cmocka_unit_test(the_specification_is_placed),
		cmocka_unit_test(twice_is_the_same),
		cmocka_unit_test(wrong_packages_leave_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
