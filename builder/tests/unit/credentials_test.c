/* Who the user is to a registry, and what a registry asks for. */
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/challenge.h"
#include "oci/credentials.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir;

static int setup(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-credentials-", &err);
	return dir && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	int r = chdir("/") | path_remove(dir, &err);

	(void)state;
	free(dir);
	return r;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *parent = path_dir(path);

	assert_int_equal(path_mkdirs(parent, &err), 0);
	assert_int_equal(path_write(path, text, strlen(text), 0600, &err), 0);
}

/* USER:PASSWORD that is found, "" for none, or the error. */
static void finds(const char *registry, const char *path, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_credentials_ struct credentials c = {0};
	int r = credentials_find(registry, path, &c, &err);
	_cleanup_free_ char *got = r < 0	      ? xstrdup(err.msg)
				   : r == 0	      ? xstrdup("")
				   : c.identity_token ? xasprintf("token %s", c.identity_token)
						      : xasprintf("%s:%s", c.user, c.password);

	assert_string_equal(got, want);
}

static void test_most_specific(void **state)
{
	(void)state;
	setenv("REGISTRY_AUTH_FILE", "auth.json", 1);
	write_file("auth.json", "{\"auths\": {\"q.io\": {\"auth\": \"YTox\"}, \"q.io/team\": {\"auth\": \"Yjoy\"},"
				"\"q.io/team/app\": {\"auth\": \"YzozOjM=\"}, \"q.io:5000\": {\"username\": \"d\", "
				"\"password\": \"4\"},"
				"\"https://index.docker.io/v1/\": {\"auth\": \"ZTo1\"}, \"https://h.io/v2/\": "
				"{\"identitytoken\": \"xyz\"},"
				"\"nul.io\": {\"auth\": \"YToxAAA=\"}, \"empty.io\": {}}}");
	finds("nul.io", "x", "a:1");
	finds("q.io", "other/app", "a:1");
	finds("q.io", "team/other", "b:2");
	finds("q.io", "teams/app", "a:1");
	finds("q.io", "team/app", "c:3:3");
	finds("q.io", "team/app/sub", "c:3:3");
	finds("q.io:5000", "x", "d:4");
	finds("docker.io", "library/x", "e:5");
	finds("h.io", "x", "token xyz");
	finds("empty.io", "x", "");
	finds("xq.io", "x", "");
	setenv("REGISTRY_AUTH_FILE", "none.json", 1);
	finds("q.io", "x", "");
}

static void test_refused(void **state)
{
	static const char *const table[][2] = {
		{"{\"auths\"", "auth.json:1: no JSON object"},
		{"\n\n{\"auths\": {\"q.io\": {\"auth\": \"c2VjcmV0\" \"}}}", "auth.json:3: no JSON object"},
		{"[1]", "auth.json:1: no JSON object"},
		{"{\"auths\": {\"q.io\": {\"auth\": \"secret\"}}}",
			"auth.json: the entry of q.io: auth is not base64 of USER:PASSWORD"},
		{"{\"auths\": {\"q.io\": {\"auth\": \"c2VjcmV0\"}}}",
			"auth.json: the entry of q.io: auth is not base64 of USER:PASSWORD"},
		{"{\"credHelpers\": {\"q.io\": \"vault\"}}", "auth.json: the credentials of q.io are with the helper "
							     "docker-credential-vault, which kiln does not run"},
		{"{\"credsStore\": \"desktop\", \"auths\": {\"https://q.io\": {}}}",
			"auth.json: the credentials of q.io are with the helper docker-credential-desktop, which kiln "
			"does not run"},
		{"{\"credsStore\": \"desktop\", \"auths\": {\"other.io\": {}}}", ""},
	};

	(void)state;
	setenv("REGISTRY_AUTH_FILE", "auth.json", 1);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		write_file("auth.json", table[i][0]);
		finds("q.io", "team/app", table[i][1]);
	}
}

static void test_places(void **state)
{
	(void)state;
	unsetenv("REGISTRY_AUTH_FILE");
	setenv("XDG_RUNTIME_DIR", "run", 1);
	setenv("XDG_CONFIG_HOME", "config", 1);
	setenv("HOME", "home", 1);
	finds("q.io", "x", "");
	write_file("home/.docker/config.json", "{\"auths\": {\"q.io\": {\"auth\": \"ZG9ja2VyOjE=\"}}}");
	finds("q.io", "x", "docker:1");
	write_file("config/containers/auth.json", "{\"auths\": {\"q.io\": {\"auth\": \"Y29uZmlnOjE=\"}}}");
	finds("q.io", "x", "config:1");
	write_file("run/containers/auth.json", "{\"auths\": {\"q.io\": {\"auth\": \"cnVuOjE=\"}}}");
	finds("q.io", "x", "run:1");
	write_file("run/containers/auth.json", "{\"auths\": {\"other.io\": {\"auth\": \"cnVuOjE=\"}}}");
	finds("q.io", "x", "config:1");
}

static void test_challenges(void **state)
{
	static const char *const table[][2] = {
		{"Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:x:pull\"",
			"bearer https://a/token s"},
		{"bearer  realm=https://a , service = s", "none"},
		{"bearer realm=\"https://a\" , service = s", "bearer https://a s"},
		{"Basic realm=\"x\"", "basic"},
		{"Basic realm=\"x, Bearer y\"", "basic"},
		{"Basic realm=\"x\", Bearer realm=\"https://a\"", "basic bearer https://a -"},
		{"Bearer realm=\"https://a\", Basic realm=\"x\"", "basic bearer https://a -"},
		{"Negotiate, Basic realm=\"x\"", "basic"},
		{"Digest realm=\"d\", nonce=\"n\"", "none"},
		{"Bearer realm=\"a \\\"quoted\\\" b\"", "bearer a \"quoted\" b -"},
		{"Bearer service=\"s\"", "none"},
		{"Bearer realm=\"unterminated", "none"},
		{"Bearer realm=\"line\nbreak\"", "none"},
		{"", "none"},
		{",,,", "none"},
		{"\"Basic\"", "none"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct challenge c = {0};
		challenge_add(&c, table[i][0]);
		_cleanup_free_ char *got =
			xasprintf("%s%s%s%s%s%s%s", c.basic ? "basic" : "", c.basic && c.bearer ? " " : "",
				c.bearer ? "bearer " : "", c.realm ? c.realm : "", c.bearer ? " " : "",
				c.bearer ? c.service ? c.service : "-" : "", c.basic || c.bearer ? "" : "none");
		assert_string_equal(got, table[i][1]);
		challenge_release(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_specific),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_challenges),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
