/* Resolution on a small signed repository: the same answer as plain apt-get, over file: and http:, and every way it can
 * fail. */
#include "apt_repo.h"
#include "base/json.h"
#include "base/log.h"
#include "fault_server.h"
#include "lock/lock.h"
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

static char *top;
static struct repo repo;
static struct cache *cache;
static char *mirror;

/* Seventy packages with alternatives, versions and virtual names, drawn by a fixed rule. */
enum { RANDOM = 70 };
static void add_random_packages(void)
{
	unsigned seed = 12345;

	for (unsigned i = 0; i < RANDOM; i++) {
		_cleanup_strbuf_ struct strbuf f = STRBUF_INIT;
		_cleanup_free_ char *id = xasprintf("r%02u 1.%u amd64", i, i % 4);
		for (unsigned k = 0; i > 3 && k < i % 4; k++) {
			unsigned a = (seed = seed * 1103515245 + 12345) >> 16,
				 b = (seed = seed * 1103515245 + 12345) >> 16;
			strbuf_addf(&f, k ? ", " : "Depends: ");
			if (a % 3 == 0)
				strbuf_addf(&f, "v%u | r%02u", b % 5, a % i);
			else if (a % 3 == 1)
				strbuf_addf(&f, "r%02u (>= 1.3) | r%02u | r%02u", b % i, a % i, (a + b) % i);
			else
				strbuf_addf(&f, "r%02u", a % i);
		}
		if (f.len)
			strbuf_addc(&f, '\n');
		if (i % 7 == 0)
			strbuf_addf(&f, "Provides: v%u\n", i % 5);
		if (i % 11 == 5)
			strbuf_addf(&f, "Conflicts: r%02u\n", i - 2);
		strbuf_addf(&f, "Recommends: r%02u\n", (i * 31) % RANDOM);
		repo_deb(&repo, "debian", "kilntest", id, strbuf_cstr(&f));
	}
}

static void add_packages(void)
{
	static const char *const packages[][2] = {
		{"libc 2.41-1 amd64", ""},
		{"base-files 13 amd64", "Essential: yes\nPre-Depends: libc\n"},
		{"shell 5.2 amd64", "Essential: yes\nPre-Depends: libc (>= 2.40)\nProvides: sh\n"},
		{"app 1:1.0~rc1+b2-3 amd64", "Depends: libapp (>= 1.1~b), first | second, data\nRecommends: extra\n"},
		{"libapp 1.1~b+c-1 amd64", "Depends: libc\n"},
		{"data 7 all", ""},
		{"first 1 all", ""},
		{"second 1 all", ""},
		{"extra 1 all", ""},
		{"g++ 14.2 amd64", "Depends: libc\n"},
		{"one-mta 1 all", "Provides: mta\nConflicts: mta\n"},
		{"two-mta 1 all", "Provides: mta\nConflicts: mta\n"},
		{"no-libc 1 amd64", "Conflicts: libc\n"},
		{"no-data 1 amd64", "Conflicts: data\n"},
		{"broken 1 amd64", "Depends: nowhere (>= 3)\n"},
		{"needs-sh 1 all", "Depends: sh\n"},
		{"security-only 1 all", "Depends: libapp (>= 1.2)\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
		repo_deb(&repo, "debian", "kilntest", packages[i][0], packages[i][1]);
	add_random_packages();
	repo_publish(&repo, "debian", "kilntest");
}

static int setup(void **state)
{
	struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	top = path_tempdir(tmp ? tmp : "/tmp", "kiln-resolve-", &err);
	_cleanup_free_ char *cache_at = path_join(top, "cache");
	mirror = xasprintf("file:%s/debian", top);
	repo_start(&repo, top);
	add_packages();
	return cache_open(cache_at, NULL, &cache, &err);
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	cache_close(cache);
	repo_stop(&repo);
	path_remove(top, &err);
	free(top);
	free(mirror);
	return 0;
}

static struct str_list list_of(struct arena *a, const char *words)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	struct str_list l = {0};

	str_split(&v, words, " ");
	l.v = arena_alloc(a, (v.n + 1) * sizeof *l.v);
	for (; l.n < v.n; l.n++)
		l.v[l.n] = arena_strdup(a, v.v[l.n]);
	return l;
}

/* An appliance with the trees of a NULL-ended list: id, parent, packages. */
static struct appliance *appliance_of(const char *const (*trees)[3])
{
	struct appliance *a = xcalloc(1, sizeof *a);
	size_t n = 0;

	while (trees[n][0])
		n++;
	a->arch = "amd64";
	a->suite = "kilntest";
	a->mirror = mirror;
	a->keyring = repo.keyring;
	a->components = list_of(&a->arena, "main");
	a->trees.v = arena_alloc(&a->arena, (n + 1) * sizeof *a->trees.v);
	for (; a->trees.n < n; a->trees.n++)
		a->trees.v[a->trees.n] = (struct tree_spec){
			.id = trees[a->trees.n][0],
			.parent = trees[a->trees.n][1],
			.packages = list_of(&a->arena, trees[a->trees.n][2]),
		};
	return a;
}
#define TREES(...) appliance_of((const char *const[][3]){__VA_ARGS__, {NULL}})

/* A set as "name=version name=version". */
static char *set_text(const struct lock *l, const char *id)
{
	const struct lock_set *s = lock_set(l, id);
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;

	assert_non_null(s);
	for (size_t i = 0; i < s->n; i++)
		strvec_addf(&v, "%s=%s", s->v[i]->name, s->v[i]->version);
	strvec_sort(&v);
	return strvec_join(&v, " ");
}

static void resolved(const struct appliance *a, struct lock *l)
{
	_cleanup_err_ struct err err = ERR_INIT;

	if (lock_resolve(a, cache, false, l, &err) < 0)
		fail_msg("%s (%s)", err.msg, err.hint ? err.hint : "no hint");
}

static void assert_set(const struct lock *l, const char *id, const char *want)
{
	_cleanup_free_ char *got = set_text(l, id);

	assert_string_equal(got, want);
}

static void test_sets(void **state)
{
	_cleanup_appliance_ struct appliance *a =
		TREES({"image/x/y", "base", "needs-sh"}, {"os", "base", "app g++"}, {"base", NULL, "data"},
			{"tools", NULL, "app second"}, {"empty", "os", ""}, {"top", "os", "needs-sh second"});
	_cleanup_lock_ struct lock l = {0}, again = {0};
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	resolved(a, &l);
	assert_set(&l, "base", "base-files=13 data=7 libc=2.41-1 shell=5.2");
	assert_set(&l, "os", "app=1:1.0~rc1+b2-3 first=1 g++=14.2 libapp=1.1~b+c-1");
	assert_set(&l, "tools", "app=1:1.0~rc1+b2-3 data=7 libapp=1.1~b+c-1 libc=2.41-1 second=1");
	assert_set(&l, "image/x/y", "needs-sh=1");
	assert_set(&l, "empty", "");
	assert_set(&l, "top", "needs-sh=1 second=1");
	assert_int_equal(l.epoch, 1763805600);
	assert_int_equal(l.sources.n, 1);
	assert_string_equal(l.sources.v[0].uri, mirror);
	assert_string_equal(lock_package(&l, "g++:amd64")->path, "pool/g++_14.2_amd64.deb");
	assert_true(lock_fits(&l, a));

	/* what is written can be read, and a second time gives the same bytes */
	_cleanup_free_ char *text = lock_text(&l);
	assert_int_equal(lock_parse(text, strlen(text), "x.lock", &again, &err), 0);
	lock_release(&again);
	assert_int_equal(lock_resolve(a, cache, true, &again, &err), 0);
	_cleanup_free_ char *offline = lock_text(&again);
	assert_string_equal(text, offline);

	assert_int_equal(lock_fetch(&l, cache, NULL, &err), 0);
	for (size_t i = 0; i < l.packages.n; i++)
		assert_int_equal(cache_verify(cache, l.packages.v[i].sha256, l.packages.v[i].size, &err), 1);
}

/* --- plain apt-get, told nothing but where the repository is and what dpkg has installed --- */

static struct strvec apt_options(const char *root)
{
	struct strvec v = STRVEC_INIT;

	strvec_addf(&v, "-oDir=%s", root);
	strvec_addf(&v, "-oDir::State::status=%s/var/lib/dpkg/status", root);
	strvec_addl(&v, "-oAPT::Architecture=amd64", "-oAPT::Architectures=amd64", "-oAPT::Sandbox::User=root",
		"-oAPT::Get::AllowUnauthenticated=true", "-y", NULL);
	return v;
}

static void plain_root(const char *root)
{
	_cleanup_free_ char *list = path_join(root, "etc/apt/sources.list"),
			    *status = path_join(root, "var/lib/dpkg/status"),
			    *partial = path_join(root, "var/lib/apt/lists/partial/.keep"),
			    *archives = path_join(root, "var/cache/apt/archives/partial/.keep"),
			    *parts = path_join(root, "etc/apt/apt.conf.d/.keep"),
			    *updates = path_join(root, "var/lib/dpkg/updates/.keep"),
			    *info = path_join(root, "var/lib/dpkg/info/.keep"),
			    *line = xasprintf("deb [signed-by=%s] %s kilntest main\n", repo.keyring, mirror);
	const char *const empty[] = {status, partial, archives, parts, updates, info};
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, options = apt_options(root);

	repo_write(list, line, strlen(line));
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		repo_write(empty[i], "", 0);
	unlink(updates); /* dpkg reads what lies there */
	strvec_addl(&argv, "apt-get", "update", NULL);
	strvec_add_all(&argv, (const char *const *)options.v);
	repo_must((const char *const *)argv.v);
}

/* What `apt-get install --no-install-recommends` would install, as set_text() has it; NULL when it fails or would
 * remove something. */
static char *plain_answer(const char *root, const char *packages)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, options = apt_options(root), lines = STRVEC_INIT,
				       answer = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_err_ struct err err = ERR_INIT;
	struct proc_opts o = {.capture = &out};

	strvec_addl(&argv, "apt-get", "install", "-s", "--no-install-recommends", NULL);
	strvec_add_all(&argv, (const char *const *)options.v);
	str_split(&argv, packages, " ");
	if (proc_run((const char *const *)argv.v, &o, &err) < 0)
		return NULL;
	str_split(&lines, strbuf_cstr(&out), "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char name[64], version[64];
		if (str_starts(lines.v[i], "Remv "))
			return NULL;
		if (sscanf(lines.v[i], "Inst %63s (%63s", name, version) == 2)
			strvec_addf(&answer, "%s=%s", name, version);
	}
	strvec_sort(&answer);
	return strvec_join(&answer, " ");
}

/* Install a set for good, by dpkg itself, so that its status is dpkg's own. */
static void install(const char *root, const struct lock *l, const char *id)
{
	const struct lock_set *s = lock_set(l, id);
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(lock_fetch(l, cache, NULL, &err), 0);
	strvec_addf(&argv, "dpkg");
	strvec_addf(&argv, "--root=%s", root);
	strvec_addl(&argv, "--log=/dev/null", "--force-not-root,bad-path,depends", "--install", NULL);
	for (size_t i = 0; i < s->n; i++) {
		_cleanup_free_ char *blob = cache_blob_path(cache, s->v[i]->sha256);
		strvec_add(&argv, blob);
	}
	repo_must((const char *const *)argv.v);
}

static bool compare(const char *root, const char *parent, const char *packages)
{
	_cleanup_appliance_ struct appliance *a =
		parent ? TREES({"base", NULL, "data"}, {"x", "base", packages}) : TREES({"x", NULL, packages});
	_cleanup_free_ char *want = plain_answer(root, packages);
	_cleanup_lock_ struct lock l = {0};
	_cleanup_err_ struct err err = ERR_INIT;
	int done = lock_resolve(a, cache, true, &l, &err);

	if ((done == 0) != (want != NULL))
		fail_msg("\"%s\": apt-get %s, kiln %s", packages, want ? want : "refuses",
			err.msg ? err.msg : "accepts");
	if (want)
		assert_set(&l, "x", want);
	else
		assert_int_equal(err.kind, ERR_RESOLVE);
	return want != NULL;
}

static void compare_many(const char *root, const char *parent)
{
	static const char *const requests[] = {"app", "app second", "second app", "g++", "needs-sh", "shell", "data",
		"one-mta", "one-mta two-mta", "mta", "no-libc", "no-data", "broken", "app broken", "libc no-libc",
		"nosuch"};
	unsigned seed = 99, accepted = 0, asked = ARRAY_SIZE(requests) + 25;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		accepted += compare(root, parent, requests[i]);
	for (unsigned i = 0; i < 25; i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		for (unsigned k = 0; k <= i % 4; k++)
			strbuf_addf(&b, "r%02u ", ((seed = seed * 1103515245 + 12345) >> 16) % RANDOM);
		accepted += compare(root, parent, b.s);
	}
	assert_in_range(accepted, asked / 2, asked - 5); /* both sorts were there */
}

static void test_same_as_apt(void **state)
{
	_cleanup_free_ char *root = path_join(top, "plain");
	_cleanup_appliance_ struct appliance *a = TREES({"base", NULL, "data"});
	_cleanup_lock_ struct lock l = {0};

	(void)state;
	resolved(a, &l);
	plain_root(root);
	compare_many(root, NULL);
	if (geteuid() != 0) {
		print_message("skipped: comparing on an installed parent needs dpkg as root\n");
		return;
	}
	install(root, &l, "base");
	compare_many(root, "base");
}

/* --- what cannot be --- */

static void refused(struct appliance *a, enum err_kind kind, const char *message, const char *hint)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0};

	if (lock_resolve(a, cache, false, &l, &err) == 0)
		fail_msg("accepted, not: %s", message);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint ? err.hint : "none", hint ? hint : "none");
	assert_int_equal(err.kind, kind);
	assert_null(l.packages.v);
	appliance_free(a);
}

static void test_refused_packages(void **state)
{
	_cleanup_free_ char *unknown = xasprintf("tree os: there is no package \"libap\" in kilntest (%s)", mirror);

	(void)state;
	refused(TREES({"os", NULL, "data libap"}), ERR_RESOLVE, unknown, "did you mean \"libapp\"?");
	refused(TREES({"os", NULL, "mta"}), ERR_RESOLVE,
		"tree os: \"mta\" is a virtual package, provided by two-mta 1, one-mta 1",
		"ask for one of these by its name");
	refused(TREES({"os", NULL, "broken"}), ERR_RESOLVE,
		"tree os: these dependencies cannot be met: broken : Depends: nowhere (>= 3) but it is not installable",
		NULL);
	refused(TREES({"base", NULL, "data"}, {"os", "base", "no-data"}), ERR_RESOLVE,
		"tree os: this would remove data of the tree below", NULL);
	refused(TREES({"os", NULL, "-y"}), ERR_CONFIG, "tree os: \"-y\" is no name of a package", NULL);
	refused(TREES({"os", NULL, "data-"}), ERR_CONFIG, "tree os: \"data-\" is no name of a package", NULL);
	refused(TREES({"os", NULL, "data=7"}), ERR_CONFIG, "tree os: \"data=7\" is no name of a package", NULL);
	refused(TREES({"os", NULL, "dat?"}), ERR_CONFIG, "tree os: \"dat?\" is no name of a package", NULL);
	refused(TREES({"os", NULL, "./x.deb"}), ERR_CONFIG, "tree os: \"./x.deb\" is no name of a package", NULL);
	refused(TREES({"os", "base", "data"}), ERR_CONFIG, "tree os: its parent base does not exist", NULL);
	refused(TREES({"a", "b", "data"}, {"b", "a", "data"}), ERR_CONFIG, "tree a: it is its own ancestor", NULL);
}

static struct appliance *with(const char *mirror_uri, const char *suite, const char *keyring)
{
	struct appliance *a = TREES({"os", NULL, "data"});

	a->mirror = mirror_uri ? arena_strdup(&a->arena, mirror_uri) : a->mirror;
	a->suite = suite ? suite : a->suite;
	a->keyring = keyring ? keyring : a->keyring;
	return a;
}

static void test_refused_mirrors(void **state)
{
	_cleanup_free_ char *no_suite = xasprintf("mirror %s does not serve the suite nosuch", mirror);
	_cleanup_free_ char *away = xasprintf("file:%s/away", top);
	_cleanup_free_ char *no_mirror = xasprintf("mirror %s does not serve the suite kilntest", away);

	(void)state;
	refused(with(NULL, "nosuch", NULL), ERR_CONFIG, no_suite,
		"name another with mirror: in the profile, or another suite:");
	refused(with(away, NULL, NULL), ERR_CONFIG, no_mirror,
		"name another with mirror: in the profile, or another suite:");
	refused(with("ftp://x/debian", NULL, NULL), ERR_CONFIG,
		"mirror \"ftp://x/debian\": expected an http:, https: or file: address", NULL);
	refused(with("http://x/de bian", NULL, NULL), ERR_CONFIG,
		"mirror \"http://x/de bian\": expected an http:, https: or file: address", NULL);
	refused(with("http://me:secret@x/debian", NULL, NULL), ERR_CONFIG,
		"the mirror's address has a user name in it, which would end up in the lock",
		"use a mirror that asks for none, or a copy of it: mirror: file:/...");
	refused(with(NULL, NULL, "/nonexistent/key.gpg"), ERR_CONFIG, "keyring /nonexistent/key.gpg: no such file",
		NULL);
}

/* A bad signature is told apart from everything else; apt's words differ by version, so only ours are compared. */
static void refused_index(
	const char *site, const char *suite, const char *keyring, enum err_kind kind, const char *word)
{
	_cleanup_free_ char *uri = xasprintf("file:%s/%s", top, site),
			    *start = xasprintf("package index of %s: apt-get: ", uri);
	_cleanup_appliance_ struct appliance *a = with(uri, suite, keyring);
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0};

	assert_int_equal(lock_resolve(a, cache, false, &l, &err), -1);
	if (!str_starts(err.msg, start) || !strstr(err.msg, word))
		fail_msg("%s", err.msg);
	assert_int_equal(err.kind, kind);
	/* and no index is left that --offline would use */
	err_release(&err);
	_cleanup_free_ char *message =
		xasprintf("no package index of %s is in the cache, and --offline forbids to fetch it", uri);
	assert_int_equal(lock_resolve(a, cache, true, &l, &err), -1);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, "run \"kiln lock\" once with a network");
}

static void test_refused_signatures(void **state)
{
	_cleanup_free_ char *other_dir = path_join(top, "other"), *index = NULL;
	struct repo other;

	(void)state;
	/* another key than the one that signed */
	repo_start(&other, other_dir);
	refused_index("debian", "kilntest", other.keyring, ERR_VERIFY, "signature");
	repo_stop(&other);
	/* no signature */
	repo.unsigned_only = true;
	repo_deb(&repo, "unsigned", "s", "data 7 all", "");
	repo_publish(&repo, "unsigned", "s");
	refused_index("unsigned", "s", NULL, ERR_VERIFY, "is not signed");
	repo.unsigned_only = false;
	/* an index that is not the one signed */
	repo_deb(&repo, "tampered", "s", "data 7 all", "");
	repo_publish(&repo, "tampered", "s");
	index = xasprintf("%s/tampered/dists/s/main/binary-amd64/Packages", top);
	struct err err = ERR_INIT;
	size_t len;
	_cleanup_free_ char *text = path_read(index, 1 << 20, &len, &err);
	text[len - 3] ^= 1;
	repo_write(index, text, len);
	refused_index("tampered", "s", NULL, ERR_VERIFY, "Hash Sum mismatch");
	/* one that is no longer valid */
	repo.valid_until = "Sun, 23 Nov 2025 10:00:00 UTC";
	repo.date = "Sat, 22 Nov 2025 10:00:00 UTC";
	repo_deb(&repo, "expired", "s", "data 7 all", "");
	repo_publish(&repo, "expired", "s");
	repo.valid_until = NULL;
	refused_index("expired", "s", NULL, ERR_VERIFY, "is expired");
}

/* -updates and -security are found beside the main suite; a package's file on the mirror may vanish or change. */
static void test_http(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0};
	struct server s;

	(void)state;
	repo_deb(&repo, "debian", "kilntest-updates", "libapp 1.1.5 amd64", "Depends: libc\n");
	repo_publish(&repo, "debian", "kilntest-updates");
	repo.date = "Sun, 23 Nov 2025 10:00:00 UTC";
	repo_deb(&repo, "debian-security", "kilntest-security", "libapp 1.2 amd64", "Depends: libc\n");
	repo_publish(&repo, "debian-security", "kilntest-security");
	server_start(&s, NULL, 0);
	s.root = top;
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u/debian/", s.port);
	_cleanup_free_ char *plain = xstrndup(uri, strlen(uri) - 1), *security = xasprintf("%s-security", plain);
	_cleanup_appliance_ struct appliance *a = with(uri, NULL, NULL);
	a->trees.v[0].packages = list_of(&a->arena, "security-only app");
	resolved(a, &l);
	assert_set(&l, "os", "app=1:1.0~rc1+b2-3 data=7 first=1 libapp=1.2 libc=2.41-1 security-only=1");
	assert_int_equal(l.sources.n, 3);
	assert_string_equal(l.sources.v[0].uri, plain);
	assert_string_equal(l.sources.v[1].suite, "kilntest-updates");
	assert_string_equal(l.sources.v[2].uri, security);
	assert_int_equal(lock_package(&l, "libapp:amd64")->source, 2);
	assert_int_equal(l.epoch, 1763892000);
	assert_int_equal(lock_fetch(&l, cache, NULL, &err), 0);

	/* the pinned version is gone */
	_cleanup_free_ char *deb = xasprintf("%s/debian-security/pool/libapp_1.2_amd64.deb", top);
	_cleanup_free_ char *blob = cache_blob_path(cache, lock_package(&l, "libapp:amd64")->sha256);
	assert_int_equal(unlink(deb), 0);
	assert_int_equal(unlink(blob), 0);
	_cleanup_free_ char *gone =
		xasprintf("package libapp 1.2: %s/pool/libapp_1.2_amd64.deb: the server does not have it "
			  "(HTTP status 404)",
			security);
	assert_int_equal(lock_fetch(&l, cache, NULL, &err), -1);
	assert_string_equal(err.msg, gone);
	assert_string_equal(
		err.hint, "a mirror keeps only the newest version of a package: \"kiln lock\" pins what it has now");

	/* the mirror is gone: the index of before still serves --offline */
	server_stop(&s);
	lock_release(&l);
	assert_int_equal(lock_resolve(a, cache, true, &l, &err), 0);
	lock_release(&l);
	assert_int_equal(lock_resolve(a, cache, false, &l, &err), -1);
	assert_int_equal(err.kind, ERR_NETWORK);
	_cleanup_free_ char *start = xasprintf("mirror: %s/dists/kilntest/InRelease: ", plain);
	assert_true(str_starts(err.msg, start));
	assert_string_equal(err.hint, "check that this host can reach it, or name another with mirror: in the profile");
}

/* Nothing of the host's apt reaches the private root: not its preferences, hooks, sources or architectures. */
static void test_no_leak(void **state)
{
	_cleanup_free_ char *conf = path_join(top, "host.conf");
	static const char host[] = "APT::Install-Recommends \"true\";\nAPT::Architectures:: \"i386\";\n"
				   "APT::Update::Pre-Invoke:: \"false\";\nDir::Etc::preferences \"/nonexistent\";\n"
				   "APT::Default-Release \"nosuch\";\n";
	_cleanup_appliance_ struct appliance *a = TREES({"os", NULL, "app"});
	_cleanup_lock_ struct lock l = {0};

	(void)state;
	repo_write(conf, host, strlen(host));
	setenv("APT_CONFIG", conf, 1);
	resolved(a, &l);
	unsetenv("APT_CONFIG");
	assert_null(lock_package(&l, "extra:all"));
	assert_int_equal(lock_set(&l, "os")->n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_same_as_apt),
		cmocka_unit_test(test_refused_packages),
		cmocka_unit_test(test_refused_mirrors),
		cmocka_unit_test(test_refused_signatures),
		cmocka_unit_test(test_no_leak),
		cmocka_unit_test(test_http),
	};

	log_set(LOG_QUIET);
	setenv("no_proxy", "127.0.0.1", 1);
	return cmocka_run_group_tests(tests, setup, teardown);
}
