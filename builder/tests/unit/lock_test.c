/* The lock file: what is written is read back as it was; everything else is refused, with these words. */
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "lock/lock.h"
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char good[] = "{\n"
			   "  \"arch\": \"amd64\",\n"
			   "  \"epoch\": 1763900000,\n"
			   "  \"kiln\": 1,\n"
			   "  \"packages\": {\n"
			   "    \"apt:amd64\": {\n"
			   "      \"installed\": 4000,\n"
			   "      \"path\": \"pool/main/a/apt/apt_3.0.3_amd64.deb\",\n"
			   "      \"sha256\": \"" HEX_A "\",\n"
			   "      \"size\": 1400000,\n"
			   "      \"source\": 0,\n"
			   "      \"version\": \"3.0.3\"\n"
			   "    },\n"
			   "    \"g++:all\": {\n"
			   "      \"installed\": 0,\n"
			   "      \"path\": \"pool/g++_1%3a2~b+1-1_all.deb\",\n"
			   "      \"sha256\": \"" HEX_B "\",\n"
			   "      \"size\": 5000000000,\n"
			   "      \"source\": 1,\n"
			   "      \"version\": \"1:2~b+1-1\"\n"
			   "    }\n"
			   "  },\n"
			   "  \"request\": \"" HEX_C "\",\n"
			   "  \"sets\": {\n"
			   "    \"base\": [\n"
			   "      \"apt:amd64\",\n"
			   "      \"g++:all\"\n"
			   "    ],\n"
			   "    \"image/x/y\": [],\n"
			   "    \"tools\": [\n"
			   "      \"g++:all\"\n"
			   "    ]\n"
			   "  },\n"
			   "  \"sources\": [\n"
			   "    {\n"
			   "      \"components\": [\n"
			   "        \"main\"\n"
			   "      ],\n"
			   "      \"release\": \"" HEX_A "\",\n"
			   "      \"suite\": \"trixie\",\n"
			   "      \"uri\": \"http://mirror.example/debian\"\n"
			   "    },\n"
			   "    {\n"
			   "      \"components\": [],\n"
			   "      \"release\": \"" HEX_B "\",\n"
			   "      \"suite\": \"trixie-updates\",\n"
			   "      \"uri\": \"file:/srv/mirror\"\n"
			   "    }\n"
			   "  ],\n"
			   "  \"suite\": \"trixie\"\n"
			   "}\n";

static void test_round_trip(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0};

	(void)state;
	if (lock_parse(good, strlen(good), "x.lock", &l, &err) < 0)
		fail_msg("%s", err.msg);
	_cleanup_free_ char *text = lock_text(&l);
	assert_string_equal(text, good);
	assert_int_equal(l.epoch, 1763900000);
	assert_string_equal(l.request, HEX_C);
	assert_int_equal(lock_set(&l, "base")->n, 2);
	assert_int_equal(lock_set(&l, "image/x/y")->n, 0);
	assert_null(lock_set(&l, "os"));
	assert_string_equal(lock_set(&l, "tools")->v[0]->version, "1:2~b+1-1");
	assert_null(lock_package(&l, "apt:arm64"));
	const struct lock_package *p = lock_package(&l, "g++:all");
	assert_string_equal(p->name, "g++");
	assert_string_equal(p->arch, "all");
	assert_true(p->size == 5000000000);
	_cleanup_free_ char *uri = lock_uri(&l, p);
	assert_string_equal(uri, "file:/srv/mirror/pool/g%2b%2b_1%253a2~b%2b1-1_all.deb");
}

static void test_file(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0}, again = {0};
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-lock-", &err);
	_cleanup_free_ char *profile = path_join(dir, "core.yaml"), *path = lock_path(profile);
	_cleanup_free_ char *expected = xasprintf("%s/core.lock", dir);

	(void)state;
	assert_string_equal(path, expected);
	assert_int_equal(lock_read(path, &l, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(lock_parse(good, strlen(good), "x.lock", &l, &err), 0);
	assert_int_equal(lock_write(path, &l, &err), 0);
	assert_int_equal(lock_read(path, &again, &err), 0);
	_cleanup_free_ char *text = lock_text(&again);
	assert_string_equal(text, good);
	assert_int_equal(path_remove(dir, &err), 0);
}

/* `good` with the first `from` replaced. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static const struct {
	const char *from, *to, *message;
} bad[] = {
	{good, "", "x.lock:1:0: '[' or '{' expected near end of file"},
	{good, "[]", "x.lock: expected an object"},
	{"\"kiln\": 1", "\"kiln\": 2", "x.lock: a lock of format 2, this kiln knows format 1"},
	{"\"kiln\": 1", "\"kiln\": \"1\"", "x.lock: kiln: expected an integer, found a string"},
	{"\"kiln\": 1", "\"kiln\": 1, \"kiln\": 1", "x.lock:4:19: duplicate object key near '\"kiln\"'"},
	{"\"epoch\"", "\"epock\"", "x.lock: unknown key \"epock\""},
	{"1763900000", "0", "x.lock: epoch: expected a number from 1 to 253402300799, found 0"},
	{"1763900000", "-5", "x.lock: epoch: expected an integer of at least 0, found -5"},
	{"1763900000", "1e9", "x.lock: epoch: expected an integer, found a number with a fraction"},
	{"1763900000", "99999999999999999999", "x.lock:3:31: too big integer near '99999999999999999999'"},
	{"\"arch\": \"amd64\"", "\"arch\": \"amd 64\"", "x.lock: arch: expected an architecture, found \"amd 64\""},
	{"\"suite\": \"trixie\"\n}", "\"suite\": \"../x\"\n}",
		"x.lock: suite: expected the name of a suite, found \"../x\""},
	{HEX_C, "cc", "x.lock: request: expected 64 hex digits, found \"cc\""},
	{"\"sha256\": \"" HEX_A, "\"sha256\": \"A" HEX_A,
		"x.lock: packages: \"apt:amd64\": sha256: expected 64 hex digits, found \"A" HEX_A "\""},
	{"\"size\": 1400000", "\"size\": 0",
		"x.lock: packages: \"apt:amd64\": size: expected a number from 1 to 9999999999, found 0"},
	{"\"size\": 1400000", "\"size\": 18446744073709551615",
		"x.lock:10:34: too big integer near '18446744073709551615'"},
	{"\"size\": 1400000", "\"size\": 10000000000",
		"x.lock: packages: \"apt:amd64\": size: expected a number from 1 to 9999999999, found 10000000000"},
	{"\"size\": 1400000,", "", "x.lock: packages: \"apt:amd64\": size: expected an integer, found nothing"},
	{"\"source\": 1", "\"source\": 2", "x.lock: packages: \"g++:all\": source: there is no source 2"},
	{"\"installed\": 4000", "\"installed\": null",
		"x.lock: packages: \"apt:amd64\": installed: expected an integer, found null"},
	{"\"version\": \"3.0.3\"", "\"version\": \"\"",
		"x.lock: packages: \"apt:amd64\": version: expected a Debian version, found \"\""},
	{"\"version\": \"3.0.3\"", "\"version\": \"3;reboot\"",
		"x.lock: packages: \"apt:amd64\": version: expected a Debian version, found \"3;reboot\""},
	{"\"version\": \"3.0.3\"", "\"version\": \"3\", \"url\": 1",
		"x.lock: packages: \"apt:amd64\": unknown key \"url\""},
	{"pool/main/a/apt/apt_3.0.3", "pool/../../etc/apt_3.0.3",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found "
		"\"pool/../../etc/apt_3.0.3_amd64.deb\""},
	{"pool/main/a/apt/apt_3.0.3", "/pool/x",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found "
		"\"/pool/x_amd64.deb\""},
	{"pool/main/a/apt/apt_3.0.3", "pool//x",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found "
		"\"pool//x_amd64.deb\""},
	{"pool/main/a/apt/apt_3.0.3", "./x",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found \"./x_amd64.deb\""},
	{"pool/main/a/apt/apt_3.0.3", "a b",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found \"a b_amd64.deb\""},
	{"apt_3.0.3_amd64.deb", "apt_3.0.3_amd64.rpm",
		"x.lock: packages: \"apt:amd64\": path: expected a relative path to a .deb, found "
		"\"pool/main/a/apt/apt_3.0.3_amd64.rpm\""},
	{"\"apt:amd64\": {", "\"apt\": {", "x.lock: packages: \"apt\": not of the form NAME:ARCH"},
	{"\"apt:amd64\": {", "\"-y:amd64\": {", "x.lock: packages: \"-y:amd64\": not of the form NAME:ARCH"},
	{"\"apt:amd64\": {", "\"../x:amd64\": {", "x.lock: packages: \"../x:amd64\": not of the form NAME:ARCH"},
	{"\"apt:amd64\": {", "\"apt:arm64\": {",
		"x.lock: packages: \"apt:arm64\": its architecture is neither \"all\" nor the lock's \"amd64\""},
	{"\"apt:amd64\": {", "\"none:all\": 1, \"apt:amd64\": {", "x.lock: packages: \"none:all\": expected an object"},
	{"\"apt:amd64\",\n      \"g++:all\"", "\"g++:all\"", "x.lock: packages: \"apt:amd64\": in none of the sets"},
	{"\"apt:amd64\",\n      \"g++:all\"", "\"apt:amd64\", \"apt:amd64\"",
		"x.lock: sets: \"base\": \"apt:amd64\" appears twice"},
	{"\"apt:amd64\",\n      \"g++:all\"", "\"g++:all\", \"apt:amd64\"",
		"x.lock: sets: \"base\": \"apt:amd64\" is out of order"},
	{"\"apt:amd64\",\n      \"g++:all\"", "\"apt:amd64\", \"bash:amd64\"",
		"x.lock: sets: \"base\": \"bash:amd64\" is not among the packages"},
	{"\"apt:amd64\",\n      \"g++:all\"", "7", "x.lock: sets: \"base\": entry 1: expected a string"},
	{"\"image/x/y\": []", "\"image/x/y\": {}", "x.lock: sets: \"image/x/y\": expected an array"},
	{"\"image/x/y\": []", "\"image/../y\": []", "x.lock: sets: \"image/../y\": not the name of a tree"},
	{"\"http://mirror", "\"ftp://mirror",
		"x.lock: sources: entry 1: uri: expected an http:, https: or file: address, found "
		"\"ftp://mirror.example/debian\""},
	{"mirror.example/debian\"", "mirror.example/debian/\"",
		"x.lock: sources: entry 1: uri: expected an http:, https: or file: address, found "
		"\"http://mirror.example/debian/\""},
	{"http://mirror.example", "http://me:secret@mirror.example",
		"x.lock: sources: entry 1: uri: expected an http:, https: or file: address, found "
		"\"http://me:secret@mirror.example/debian\""},
	{"file:/srv/mirror", "file:/srv/../etc",
		"x.lock: sources: entry 2: uri: expected an http:, https: or file: address, found "
		"\"file:/srv/../etc\""},
	{"\"components\": []", "\"components\": [\"main\", 3]",
		"x.lock: sources: entry 2: components: entry 2 is no name of a component"},
	{"\"suite\": \"trixie-updates\"", "\"suite\": null",
		"x.lock: sources: entry 2: suite: expected a string, found null"},
	{"\"release\": \"" HEX_B "\",", "", "x.lock: sources: entry 2: release: expected a string, found nothing"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_lock_ struct lock l = {0};
		_cleanup_free_ char *text = changed(bad[i].from, bad[i].to);
		if (lock_parse(text, strlen(text), "x.lock", &l, &err) == 0)
			fail_msg("accepted: %s", bad[i].to);
		assert_string_equal(err.msg, bad[i].message);
		assert_int_equal(err.kind, ERR_VERIFY);
		assert_non_null(err.hint);
		assert_null(l.packages.v);
	}
}

/* Cut anywhere, a lock is refused. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n + 2 < sizeof good; n++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_lock_ struct lock l = {0};
		assert_int_equal(lock_parse(good, n, "x.lock", &l, &err), -1);
	}
}

static void request_of(const struct appliance *a, char hex[HASH_HEX])
{
	lock_request(a, hex);
	assert_int_equal(strlen(hex), 64);
}

/* The request changes with everything that is asked, and with nothing else. */
static void test_request(void **state)
{
	const char *components[] = {"main", NULL}, *two[] = {"main", "contrib", NULL};
	const char *ab[] = {"a", "b", NULL}, *ba[] = {"b", "a", NULL}, *c[] = {"c", NULL};
	struct tree_spec trees[] = {
		{.id = "base", .packages = {ab, 2}}, {.id = "os", .parent = "base", .packages = {c, 1}}};
	struct appliance a = {.arch = "amd64", .suite = "trixie", .components = {components, 1}, .trees = {trees, 2}};
	char first[HASH_HEX], other[HASH_HEX];
	struct lock l = {0};

	(void)state;
	request_of(&a, first);
	memcpy(l.request, first, HASH_HEX);
	assert_true(lock_fits(&l, &a));
	a.domain = "elsewhere";
	request_of(&a, other);
	assert_string_equal(first, other);
	trees[0].packages.v = ba; /* the order is a part of the question to apt */
	assert_false(lock_fits(&l, &a));
	trees[0].packages.v = ab;
	a.mirror = "http://mirror.example";
	assert_false(lock_fits(&l, &a));
	a.mirror = NULL;
	a.components = (struct str_list){two, 2};
	assert_false(lock_fits(&l, &a));
	a.components.n = 1;
	trees[1].parent = NULL;
	assert_false(lock_fits(&l, &a));
	trees[1].parent = "base";
	trees[1].packages.n = 0;
	assert_false(lock_fits(&l, &a));
	trees[1].packages.n = 1;
	a.suite = "forky";
	assert_false(lock_fits(&l, &a));
	a.suite = "trixie";
	assert_true(lock_fits(&l, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_request),
	};

	log_set(LOG_QUIET);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
