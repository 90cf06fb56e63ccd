#include "lock/aptroot.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "lock/explain.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Debian's main index, apt's two binary caches of it, and as much again for the one that is being fetched. */
enum { INDEX_SPACE = 256 << 20 };
/* apt can wait for ever for a method that ended, on a disk that became full for one. */
enum { APT_TIMEOUT_MS = 30 * 60 * 1000 };

static void add_setting(struct strbuf *b, const char *key, const char *value)
{
	/* apt.conf(5) has no way to write these inside quotes */
	if (!strpbrk(value, "\"\n\\") && !strpbrk(key, "\" \n;{}"))
		strbuf_addf(b, "%s \"%s\";\n", key, value);
}

/* How to reach the network is the host's to say; what to install is not. */
static void add_host_settings(struct strbuf *b, const struct apt_conf *host)
{
	static const char *const kept[] = {
		"Acquire::http::", "Acquire::https::", "Acquire::ForceIPv", "Acquire::Retries", NULL};

	for (size_t i = 0; i < host->all.n; i++)
		for (const char *const *k = kept; *k; k++)
			if (strncasecmp(host->all.v[i].key, *k, strlen(*k)) == 0)
				add_setting(b, host->all.v[i].key, host->all.v[i].value);
}

static int write_conf(const struct apt_root *r, const char *arch, const struct apt_conf *host, struct err *err)
{
	static const char *const settings[][2] = {
		{"Dir::State", "state"},
		{"Dir::Cache", "cache"},
		{"Dir::Etc", "etc"},
		{"Dir::Log", "log"},
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::parts", "/dev/null"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Dir::Etc::sourcelist", "/dev/null"},
		{"Dir::Etc::trusted", "/dev/null"},
		{"Dir::Etc::trustedparts", "/dev/null"},
		{"Dir::Etc::netrc", "/etc/apt/auth.conf"},
		{"Dir::Etc::netrcparts", "/etc/apt/auth.conf.d"},
		{"APT::Install-Recommends", "false"},
		{"APT::Install-Suggests", "false"},
		{"APT::Immediate-Configure", "false"}, /* nothing is configured here: do not fail over its order */
		{"APT::Get::Remove", "false"},
		{"APT::Get::Assume-Yes", "true"},
		{"APT::Sandbox::User",
			"root"}, /* _apt cannot enter a cache under /root; an ordinary user has no _apt */
		{"APT::Update::Error-Mode", "any"},
		{"Acquire::Languages", "none"},
		{"Acquire::PDiffs", "false"},
		{"Acquire::Retries", "3"},
		{"Binary::apt-get::Acquire::AllowInsecureRepositories", "false"},
	};
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "Dir \"%s/\";\nDir::State::status \"%s/status\";\n", r->dir, r->dir);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		add_setting(&b, settings[i][0], settings[i][1]);
	strbuf_addf(&b, "APT::Architecture \"%s\";\n#clear APT::Architectures;\nAPT::Architectures:: \"%s\";\n", arch,
		arch);
	add_host_settings(&b, host);
	int done = path_write(r->conf, b.s, b.len, 0644, err);
	strbuf_release(&b);
	return done;
}

static void set_environment(struct apt_root *r)
{
	static const char *const passed[] = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY",
		"HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "TMPDIR", "HOME", NULL};

	strvec_addf(&r->env, "APT_CONFIG=%s", r->conf);
	strvec_add(&r->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_add(&r->env, "LC_ALL=C.UTF-8");
	for (const char *const *p = passed; *p; p++)
		if (getenv(*p))
			strvec_addf(&r->env, "%s=%s", *p, getenv(*p));
}

int apt_root_open(struct apt_root *r, struct cache *c, const char *key, const char *arch, const struct apt_conf *host,
	struct err *err)
{
	static const char *const parts[] = {
		"etc/sources.list.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial", "log"};
	_cleanup_free_ char *rel = xasprintf("apt/%s", key), *lock = NULL;

	*r = (struct apt_root){.dir = cache_path(c, rel), .cache = cache_dir(c), .lock_fd = -1};
	r->conf = path_join(r->dir, "apt.conf");
	if (strpbrk(r->dir, " \t\n\"\\;"))
		return err_set(err, ERR_USAGE,
			"cache %s: apt cannot work in a directory whose name has blanks or quotes", cache_dir(c));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *path = path_join(r->dir, parts[i]);
		if (path_mkdirs(path, err) < 0)
			return -1;
	}
	lock = path_join(r->dir, "lock");
	r->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (r->lock_fd < 0)
		return err_sys(err, errno, "open %s", lock);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0)
		log_note("waiting for another kiln that works on the same package index");
	while (flock(r->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "lock %s", lock);
	set_environment(r);
	return write_conf(r, arch, host, err);
}

void apt_root_release(struct apt_root *r)
{
	if (r->lock_fd > 0)
		close(r->lock_fd);
	free(r->dir);
	free(r->conf);
	strvec_release(&r->env);
	*r = (struct apt_root){.lock_fd = -1};
}

char *apt_root_path(const struct apt_root *r, const char *relative)
{
	return path_join(r->dir, relative);
}

char *apt_root_keyring(const struct apt_root *r, const char *from, struct err *err)
{
	size_t len;
	_cleanup_free_ char *bytes = path_read(from, 16 << 20, &len, err);
	if (!bytes)
		return NULL;
	/* apt tells the two forms apart by the name */
	bool armoured = str_starts(bytes, "-----BEGIN PGP");
	_cleanup_free_ char *to = apt_root_path(r, armoured ? "keyring.asc" : "keyring.gpg");
	return path_write(to, bytes, len, 0644, err) < 0 ? NULL : steal(to);
}

int apt_root_space(const struct apt_root *r, struct err *err)
{
	struct statvfs fs;

	if (statvfs(r->dir, &fs) < 0)
		return err_sys(err, errno, "%s", r->dir);
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= INDEX_SPACE)
		return 0;
	err_set(err, ERR_IO, "cache %s: no room for a package index (%s)", r->cache, str_bytes(INDEX_SPACE));
	return cache_explain_full(err);
}

int apt_root_run(const struct apt_root *r, const struct strvec *argv, struct strbuf *out, struct err *err)
{
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	_cleanup_err_ struct err why = ERR_INIT;
	struct proc_opts o = {.env = (const char *const *)r->env.v,
		.cwd = "/",
		.capture = out,
		.capture_err = &said,
		.timeout_ms = APT_TIMEOUT_MS};

	if (proc_run((const char *const *)argv->v, &o, &why) == 0)
		return 0;
	/* Explanations of an unsatisfiable set go to standard output. */
	_cleanup_free_ char *text = xasprintf("%s\n%s", strbuf_cstr(out), strbuf_cstr(&said));
	if (apt_explain(argv->v[0], text, err) == 0)
		err_move(err, &why);
	return -1;
}
