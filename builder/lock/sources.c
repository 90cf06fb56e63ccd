#include "lock/sources.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include <errno.h>
#include <string.h>

void sources_release(struct sources *s)
{
	free(s->main);
	free(s->updates);
	free(s->security);
	free(s->keyring);
	for (size_t i = 0; i < s->all.n; i++) {
		free(s->all.v[i].uri);
		free(s->all.v[i].suite);
	}
	vec_release(&s->all);
	*s = (struct sources){0};
}

static char *without_slash(const char *uri)
{
	size_t n = strlen(uri);

	while (n && uri[n - 1] == '/')
		n--;
	return xstrndup(uri, n);
}

/*
 * apt's "mirror+file:/etc/apt/mirrors/x.list" names a list of mirrors (apt-transport-mirror(1)), as Debian's cloud
 * images have it: the first address in it is taken.
 */
static char *plain_site(const char *site)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_err_ struct err unread = ERR_INIT;

	if (str_starts(site, "http://") || str_starts(site, "https://") || str_starts(site, "file:/"))
		return without_slash(site);
	if (!str_starts(site, "mirror+file:"))
		return NULL;
	const char *path = site + strlen("mirror+file:");
	while (path[0] == '/' && path[1] == '/')
		path++;
	_cleanup_free_ char *text = path_read(path, 1 << 20, NULL, &unread);
	if (!text)
		return NULL;
	str_split(&words, text, " \t\r\n");
	for (size_t i = 0; i < words.n; i++)
		if (str_starts(words.v[i], "http://") || str_starts(words.v[i], "https://"))
			return without_slash(words.v[i]);
	return NULL;
}

/* One of the host's sources, by its release as written in sources.list: "bookworm", "bookworm-updates",
 * "bookworm-security". */
static void note_site(struct sources *s, const char *release, const char *site)
{
	char **slot = NULL;

	if (str_ends(release, "-updates") && !str_ends(release, "-proposed-updates"))
		slot = &s->updates;
	else if (str_ends(release, "-security"))
		slot = &s->security;
	else if (!strchr(release, '-') && !strchr(release, '/'))
		slot = &s->main;
	if (slot && !*slot)
		*slot = plain_site(site);
}

static int run_apt_get(struct strvec *lines, const char *const *argv, struct err *err)
{
	_cleanup_free_ char *program = proc_which(argv[0]);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (!program) {
		err_set(err, ERR_TOOL, "this host has no apt (program apt-get)");
		return err_hint(
			err, "kiln locks on Debian and Ubuntu hosts; build elsewhere from an existing lock and cache");
	}
	if (proc_run(argv, &(struct proc_opts){.capture = &out}, err) < 0)
		return err_wrap(err, "read the host's apt sources");
	str_split(lines, strbuf_cstr(&out), "\n");
	return 0;
}

/* From the index files that apt has: what says Origin "Debian" in its signed Release. */
static int host_targets(struct sources *s, bool *ret_any, struct err *err)
{
	static const char *const argv[] = {
		"apt-get", "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(SITE)", NULL};
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	if (run_apt_get(&lines, argv, err) < 0)
		return -1;
	*ret_any = lines.n > 0;
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_strvec_ struct strvec f = STRVEC_INIT;
		str_split(&f, lines.v[i], "|");
		if (f.n == 4 && strcmp(f.v[0], "Packages") == 0 && strcmp(f.v[1], "Debian") == 0)
			note_site(s, f.v[2], f.v[3]);
	}
	return 0;
}

/* On a host that never ran "apt-get update" there is no index to ask: take what an update would look at; the probe and
 * the signature decide. */
static int host_uris(struct sources *s, struct err *err)
{
	static const char *const argv[] = {"apt-get", "update", "--print-uris", NULL};
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	if (run_apt_get(&lines, argv, err) < 0)
		return -1;
	for (size_t i = 0; i < lines.n; i++) {
		char *uri = lines.v[i], *end, *dists;
		if (*uri++ != '\'' || !(end = strstr(uri, "/InRelease'")))
			continue;
		*end = 0;
		dists = strstr(uri, "/dists/");
		if (!dists || !strstr(uri, "debian"))
			continue;
		*dists = 0;
		note_site(s, dists + strlen("/dists/"), uri);
	}
	return 0;
}

static int find_keyring(const struct appliance *a, struct sources *s, struct err *err)
{
	static const char *const places[] = {
		"/usr/share/keyrings/debian-archive-keyring.gpg",
		"/usr/share/keyrings/debian-archive-keyring.pgp",
	};

	if (a->keyring) {
		if (!path_exists(a->keyring))
			return err_set(err, ERR_CONFIG, "keyring %s: no such file", a->keyring);
		s->keyring = xstrdup(a->keyring);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places) && !s->keyring; i++)
		if (path_exists(places[i]))
			s->keyring = xstrdup(places[i]);
	if (s->keyring)
		return 0;
	err_set(err, ERR_TOOL, "this host has no keyring to verify Debian's archive with");
	return err_hint(err, "install the package debian-archive-keyring, or name one with keyring: in the profile");
}

/* "https://user:password@host/": the lock is a file that is shared. */
static bool has_password(const char *uri)
{
	const char *host = uri ? strstr(uri, "://") : NULL;

	return host && memchr(host + 3, '@', strcspn(host + 3, "/"));
}

int sources_find(const struct appliance *a, struct sources *ret, struct err *err)
{
	_cleanup_sources_ struct sources s = {0};
	bool any = true;

	if (a->mirror) {
		s.main = plain_site(a->mirror);
		if (!s.main || strpbrk(s.main, " \t\n\"'[]\\"))
			return err_set(err, ERR_CONFIG, "mirror \"%s\": expected an http:, https: or file: address",
				a->mirror);
	} else if (host_targets(&s, &any, err) < 0 || (!any && host_uris(&s, err) < 0)) {
		return -1;
	}
	if (has_password(s.main) || has_password(s.updates) || has_password(s.security)) {
		err_set(err, ERR_CONFIG, "the mirror's address has a user name in it, which would end up in the lock");
		return err_hint(err, "use a mirror that asks for none, or a copy of it: mirror: file:/...");
	}
	if (!s.main) {
		err_set(err, ERR_CONFIG, "this host's apt configuration has no Debian source");
		return err_hint(err, "name a Debian mirror with mirror: in the profile");
	}
	if (find_keyring(a, &s, err) < 0)
		return -1;
	if (!s.updates)
		s.updates = xstrdup(s.main);
	/* By convention the security archive lies beside the main one: .../debian and .../debian-security. */
	if (!s.security && str_ends(s.main, "/debian"))
		s.security = xasprintf("%s-security", s.main);
	*ret = s;
	s = (struct sources){0};
	return 0;
}

static int probe_suite(struct sources *s, const char *site, const char *suite, struct err *err)
{
	static const char *const names[] = {"InRelease", "Release"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *uri = xasprintf("%s/dists/%s/%s", site, suite, names[i]);
		int there = download_probe(uri, NULL, err);
		if (there < 0)
			return -1;
		if (there) {
			vec_push(&s->all, (struct source){xstrdup(site), xstrdup(suite)});
			return 1;
		}
	}
	return 0;
}

int sources_probe(struct sources *s, const char *suite, struct err *err)
{
	_cleanup_free_ char *updates = xasprintf("%s-updates", suite), *security = xasprintf("%s-security", suite);
	int there = probe_suite(s, s->main, suite, err);

	if (there < 0) {
		err_wrap(err, "mirror");
		return err_hint(err, "check that this host can reach it, or name another with mirror: in the profile");
	}
	if (!there) {
		err_set(err, ERR_CONFIG, "mirror %s does not serve the suite %s", s->main, suite);
		return err_hint(err, "name another with mirror: in the profile, or another suite:");
	}
	if (probe_suite(s, s->updates, updates, err) < 0 ||
		(s->security && probe_suite(s, s->security, security, err) < 0))
		return err_wrap(err, "mirror");
	return 0;
}

int sources_save(const struct sources *s, const char *path, struct err *err)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; i < s->all.n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "uri", s->all.v[i].uri, "suite", s->all.v[i].suite));
	return json_write(path, list, err);
}

int sources_load(struct sources *s, const char *path, struct err *err)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *j;
	size_t i;

	if (!path_exists(path)) {
		err_set(err, ERR_NETWORK, "no package index of %s is in the cache, and --offline forbids to fetch it",
			s->main);
		return err_hint(err, "run \"kiln lock\" once with a network");
	}
	list = json_read(path, 1 << 20, err);
	if (!list)
		return -1;
	json_array_foreach(list, i, j)
	{
		const char *uri = json_need_str(j, "uri", err), *suite = uri ? json_need_str(j, "suite", err) : NULL;
		if (!suite)
			return err_wrap(err, "%s", path);
		vec_push(&s->all, (struct source){xstrdup(uri), xstrdup(suite)});
	}
	return 0;
}
