/* Differences of locks and images that no file shows: builder/tests/e2e/diff.sh has the golden ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "diff/diff.h"
#include <cmocka.h>
#include <string.h>

static void text_of(const char *a, const char *b, const char *want, bool same)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_json_ json_t *x = json_parse(a, strlen(a), "a", &err), *y = json_parse(b, strlen(b), "b", &err);
	_cleanup_contents_ struct contents from = {0}, to = {0};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	assert_int_equal(contents_of_image(x, "a.raw", &from, &err), 0);
	assert_int_equal(contents_of_image(y, "b.raw", &to, &err), 0);
	_cleanup_json_ json_t *diff = diff_make(&from, &to);
	assert_int_equal(diff_is_same(diff), same);
	diff_text(diff, &text);
	assert_string_equal(strbuf_cstr(&text), want);
}

#define PACKAGE(name, version) "{\"name\": \"" name "\", \"version\": \"" version "\", \"arch\": \"amd64\"}"
#define IMAGE(version, packages, containers)                                                                           \
	"{\"appliance\": {\"name\": \"x\", \"version\": \"" version "\"}, \"packages\": [" packages                    \
	"], \"containers\": [" containers "]}"

static void images(void **state)
{
	static const char *const before = IMAGE("1", PACKAGE("zlib", "1.9") ", " PACKAGE("bash", "5"),
		"{\"name\": \"localhost/a:kiln\", \"id\": \"0123456789abcdef\"}");

	(void)state;
	/* The order of an image's texts is nobody's. */
	text_of(before,
		IMAGE("1", PACKAGE("bash", "5") ", " PACKAGE("zlib", "1.9"),
			"{\"name\": \"localhost/a:kiln\", \"id\": \"0123456789abcdef\"}"),
		"a.raw and b.raw: no difference\n", true);
	text_of(before,
		IMAGE("2", PACKAGE("zlib", "1.10"),
			"{\"name\": \"localhost/a:kiln\", \"id\": \"fedcba9876543210\"}, "
			"{\"name\": \"localhost/b:kiln\", \"id\": \"00\"}"),
		"a.raw -> b.raw\n"
		"  version    1 -> 2\n"
		"\n"
		"os  1 removed, 1 upgraded\n"
		"  - bash:amd64  5\n"
		"    zlib:amd64  1.9 -> 1.10\n"
		"\n"
		"images\n"
		"    localhost/a:kiln  0123456789ab -> fedcba987654\n"
		"  + localhost/b:kiln  00\n",
		false);
	/* Only what is not in a list of packages differs: the wiring, say. */
	text_of(IMAGE("1", "", ""), IMAGE("2", "", ""), "a.raw -> b.raw\n  version    1 -> 2\n", false);
}

/* Nothing in an image is believed. */
static void hostile(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct contents c;

	(void)state;
	text_of("{\"appliance\": {}, \"packages\": 7, \"containers\": null}",
		"{\"appliance\": {\"version\": 1}, \"packages\": [1, {\"name\": \"\\u001b[2Jx\"}, "
		"{\"name\": \"x\"}], "
		"\"containers\": [\"\"]}",
		"a.raw -> b.raw\n\nos  2 added\n  + -:-  -\n  + x:-  -\n\nimages\n  + -  -\n", false);
	_cleanup_json_ json_t *other = json_pack("{s:n}", "appliance");
	assert_int_equal(contents_of_image(other, "debian.raw", &c, &err), -1);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_string_equal(err.msg, "debian.raw: there is no appliance of kiln's in this image");
	contents_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(images), cmocka_unit_test(hostile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
