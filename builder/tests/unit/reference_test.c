/* Image references: the defaults, the canonical text, and the exact words for what is none. */
#include "base/str.h"
#include "config/mirror.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_canonical(void **state)
{
	static const char *const pairs[][2] = {
		{"postgres", "docker.io/library/postgres:latest"},
		{"postgres:17", "docker.io/library/postgres:17"},
		{"grafana/grafana:12.1.0", "docker.io/grafana/grafana:12.1.0"},
		{"docker.io/postgres:17", "docker.io/library/postgres:17"},
		{"index.docker.io/postgres:17", "docker.io/library/postgres:17"},
		{"docker.io/library/postgres:17", "docker.io/library/postgres:17"},
		{"quay.io/keycloak/keycloak:26.4", "quay.io/keycloak/keycloak:26.4"},
		{"localhost/app", "localhost/app:latest"},
		{"localhost:5000/app:1", "localhost:5000/app:1"},
		{"Registry/app:1", "Registry/app:1"},
		{"127.0.0.1:5000/a/b/c:V1.2_x-3", "127.0.0.1:5000/a/b/c:V1.2_x-3"},
		{"[::1]:5000/app:1", "[::1]:5000/app:1"},
		{"x/a__b--c.d/e_f:x", "docker.io/x/a__b--c.d/e_f:x"},
		{"app@sha256:" HEX, "docker.io/library/app@sha256:" HEX},
		{"ghcr.io/x/app:1@sha256:" HEX, "ghcr.io/x/app:1@sha256:" HEX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct arena arena = {0};
		struct reference r;
		if (reference_parse(&arena, pairs[i][0], &r, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(reference_text(&arena, &r), pairs[i][1]);
		/* The canonical text means itself. */
		assert_int_equal(reference_parse(&arena, pairs[i][1], &r, &err), 0);
		assert_string_equal(reference_text(&arena, &r), pairs[i][1]);
		arena_release(&arena);
	}
}

static void refused(const char *text, const char *message)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct image_source s = {.path = "untouched"};

	assert_int_equal(image_source_parse(&arena, text, &s, &err), -1);
	assert_string_equal(err.msg, message);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(s.path, "untouched");
	arena_release(&arena);
}

static void test_refused(void **state)
{
	static const char *const pairs[][2] = {
		{"", "image: an empty reference"},
		{"Postgres", "image \"Postgres\": column 1: a path has no capital letters ('P')"},
		{"docker.io/Postgres:17",
			"image \"docker.io/Postgres:17\": column 11: a path has no capital letters ('P')"},
		{"postGres", "image \"postGres\": column 5: a path has no capital letters ('G')"},
		{"postgres:", "image \"postgres:\": column 10: expected a tag, found the end"},
		{"postgres:-1", "image \"postgres:-1\": column 10: expected a tag, found '-'"},
		{"postgres:1:2", "image \"postgres:1:2\": column 11: expected '@' or the end after the tag, found ':'"},
		{"postgres 17", "image \"postgres 17\": column 9: expected '/', ':' or '@' after the path, found ' '"},
		{" postgres", "image \" postgres\": column 1: expected a lower-case letter or digit, found ' '"},
		{"postgres@", "image \"postgres@\": column 10: expected a digest sha256:HEX"},
		{"postgres@sha512:" HEX HEX,
			"image \"postgres@sha512:" HEX HEX "\": column 10: expected a digest sha256:HEX"},
		{"postgres@sha256:abc",
			"image \"postgres@sha256:abc\": column 17: expected 64 hex digits in lower case"},
		{"postgres@sha256:" HEX "0",
			"image \"postgres@sha256:" HEX "0\": column 17: expected 64 hex digits in lower case"},
		{"a//b", "image \"a//b\": column 3: expected a lower-case letter or digit, found '/'"},
		{"/a", "image \"/a\": column 1: expected a lower-case letter or digit, found '/'"},
		{"a/", "image \"a/\": column 3: expected a lower-case letter or digit, found the end"},
		{"a.", "image \"a.\": column 3: expected a lower-case letter or digit, found the end"},
		{"a..b", "image \"a..b\": column 3: expected a lower-case letter or digit, found '.'"},
		{"a___b", "image \"a___b\": column 4: expected a lower-case letter or digit, found '_'"},
		{"../x", "image \"../x\": column 1: expected a letter or digit of the registry's name, found '.'"},
		{"q.io/../x", "image \"q.io/../x\": column 6: expected a lower-case letter or digit, found '.'"},
		{"-x.io/a",
			"image \"-x.io/a\": column 1: expected a letter or digit of the registry's name, found '-'"},
		{"x-.io/a", "image \"x-.io/a\": column 2: a part of the registry's name ends in '-'"},
		{"x.io:/a", "image \"x.io:/a\": column 6: expected a port from 1 to 65535"},
		{"x.io:0/a", "image \"x.io:0/a\": column 6: expected a port from 1 to 65535"},
		{"x.io:65536/a", "image \"x.io:65536/a\": column 6: expected a port from 1 to 65535"},
		{"x.io:50a/a", "image \"x.io:50a/a\": column 8: expected '/' after the registry, found 'a'"},
		{"x@y.io/a", "image \"x@y.io/a\": column 2: expected '/' after the registry, found '@'"},
		{"[::1/a", "image \"[::1/a\": column 1: no IPv6 address in brackets"},
		{"https://quay.io/a", "image \"https://quay.io/a\": column 7: expected a port from 1 to 65535"},
		{"caf\xc3\xa9",
			"image \"caf\xc3\xa9\": column 4: expected '/', ':' or '@' after the path, found byte 0xc3"},
		{"oci:", "image \"oci:\": column 5: expected a path"},
		{"oci:dir:", "image \"oci:dir:\": column 9: expected a tag, found the end"},
		{"archive:x.tar:",
			"image \"archive:x.tar:\": column 15: expected the name of an image in it, found the end"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		refused(pairs[i][0], pairs[i][1]);
	char many[600], name[300];
	memset(many, 'a', sizeof many - 1);
	many[sizeof many - 1] = 0;
	refused(many, "image: a reference of more than 512 bytes");
	memset(name, 'a', 260);
	name[260] = 0;
	_cleanup_free_ char *said =
		xasprintf("image \"%s\": column 1: registry and path are longer than 255 bytes", name);
	refused(name, said);
	/* Short enough by itself; with docker.io/library/ it is not. */
	name[238] = 0;
	_cleanup_free_ char *long_said =
		xasprintf("image \"%s\": column 1: registry and path are longer than 255 bytes", name);
	refused(name, long_said);
	_cleanup_free_ char *tag = xasprintf("a:%.129s", many);
	_cleanup_free_ char *tag_said = xasprintf("image \"%s\": column 3: the tag is longer than 128 bytes", tag);
	refused(tag, tag_said);
}

static void test_local(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct image_source s;

	(void)state;
	assert_int_equal(image_source_parse(&arena, "oci:images/app:1.2", &s, &err), 0);
	assert_int_equal(s.kind, SOURCE_LAYOUT);
	assert_string_equal(s.path, "images/app");
	assert_string_equal(s.name, "1.2");
	assert_int_equal(image_source_parse(&arena, "archive:/srv/app.tar", &s, &err), 0);
	assert_int_equal(s.kind, SOURCE_ARCHIVE);
	assert_string_equal(s.path, "/srv/app.tar");
	assert_null(s.name);
	assert_int_equal(image_source_parse(&arena, "docker-archive:app.tar:example/app:1", &s, &err), 0);
	assert_int_equal(s.kind, SOURCE_ARCHIVE);
	assert_string_equal(s.name, "example/app:1");
	assert_int_equal(image_source_parse(&arena, "quay.io/a/b", &s, &err), 0);
	assert_int_equal(s.kind, SOURCE_REGISTRY);
	assert_string_equal(s.ref.path, "a/b");
	arena_release(&arena);
}

static void places(const struct mirrors *m, const char *text, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	struct arena arena = {0};
	struct mirror_places p = {0};
	struct reference r;

	assert_int_equal(reference_parse(&arena, text, &r, &err), 0);
	mirrors_of(m, &arena, &r, &p);
	for (size_t i = 0; i < p.all.n; i++)
		strbuf_addf(&got, "%s%s%s/%s", i ? " " : "", p.all.v[i].plain ? "http:" : "", p.all.v[i].registry,
			p.all.v[i].path);
	assert_string_equal(strbuf_cstr(&got), want);
	vec_release(&p.all);
	arena_release(&arena);
}

static void test_mirrors(void **state)
{
	static const char *const table[][2] = {
		{"docker.io", "https://one.example/hub"},
		{"docker.io", "http://127.0.0.1:5000"},
		{"docker.io/library", "two.example:5000"},
		{"quay.io", "[::1]:5000/q"},
	};
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct mirrors m = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (mirrors_add(&m, &arena, table[i][0], table[i][1], &err) < 0)
			fail_msg("%s", err.msg);
	places(&m, "grafana/grafana:1",
		"one.example/hub/grafana/grafana http:127.0.0.1:5000/grafana/grafana docker.io/grafana/grafana");
	places(&m, "postgres", "two.example:5000/postgres docker.io/library/postgres");
	places(&m, "docker.io/libraryx/a",
		"one.example/hub/libraryx/a http:127.0.0.1:5000/libraryx/a docker.io/libraryx/a");
	places(&m, "quay.io/a/b", "[::1]:5000/q/a/b quay.io/a/b");
	places(&m, "quay.io.example/a", "quay.io.example/a");
	places(NULL, "quay.io/a", "quay.io/a");
	mirrors_release(&m);
	arena_release(&arena);
}

static void test_bad_mirrors(void **state)
{
	static const char *const table[][3] = {
		{"docker", "a.example",
			"mirror \"docker\": column 1: expected REGISTRY[/PATH], the registry with a dot or a port"},
		{"a.b/", "a.example",
			"mirror \"a.b/\": column 5: expected a lower-case letter or digit, found the end"},
		{"a.b", "a.example/x:1", "mirror \"a.example/x:1\": column 12: expected the end, found ':'"},
		{"a.b", "ftp://a.example", "mirror \"ftp://a.example\": column 5: expected a port from 1 to 65535"},
		{"a.b", "http://a.example/x",
			"mirror \"http://a.example/x\": plain http is for loopback addresses only"},
		{"a.b", "http://127.0.0.1.example",
			"mirror \"http://127.0.0.1.example\": plain http is for loopback addresses only"},
		{"a.b", "http://127.0.0.1@a.example",
			"mirror \"127.0.0.1@a.example\": column 10: expected '/' after the registry, found '@'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct arena arena = {0};
		struct mirrors m = {0};
		assert_int_equal(mirrors_add(&m, &arena, table[i][0], table[i][1], &err), -1);
		assert_string_equal(err.msg, table[i][2]);
		assert_int_equal(m.all.n, 0);
		mirrors_release(&m);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_bad_mirrors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
