/* Runtime text, its filters, masks, and JSON pointers. */
#include "agentfix.h"
#include "base/filter.h"
#include "target/agent/pointer.h"
#include "target/agent/text.h"
#include <crypt.h>

static void put(struct fix *f, const char *path, const char *text)
{
	_cleanup_free_ char *full = path_join(f->dir, path);
	assert_works(agent_write(full, text, strlen(text), 0600, &f->err), f);
}

static void with_values(struct fix *f)
{
	fix_sample(f);
	put(f, "state/secrets/store/password", "p'w\"$");
	put(f, "state/secrets/front/tls/cert.pem", "CERT\n");
	put(f, "state/secrets/front/tls/key.pem", "KEY\n");
	put(f, "state/ca/cert.pem", "CA\n");
}

static void expect(struct fix *f, const char *text, const char *want)
{
	_cleanup_free_ char *got = NULL;
	assert_works(text_resolve(&f->a, text, NULL, &got, &f->err), f);
	assert_string_equal(got, want);
}

static void references(void **state)
{
	struct fix *f = *state;
	with_values(f);
	expect(f, "", "");
	expect(f, "plain $5 $$ }{ $", "plain $5 $$ }{ $");
	expect(f, "$${secret:x} $${", "${secret:x} ${");
	expect(f, "a ${secret:store/password} b", "a p'w\"$ b");
	expect(f, "${fact:domain}", "kiln.internal");
	expect(f, "${address:store-1}:${address:front}", "10.213.0.20:10.213.0.10");
	expect(f, "${cert:front/tls:cert}${cert:front/tls:key}${cert:front/tls:ca}", "CERT\nKEY\nCA\n");
	put(f, "state/saved/store/token", "t0ken");
	expect(f, "${saved:store/token|upper}", "T0KEN");
}

static void filters(void **state)
{
	struct fix *f = *state;
	with_values(f);
	expect(f, "${secret:store/password|json}", "\"p'w\\\"$\"");
	expect(f, "${secret:store/password|yaml}", "\"p'w\\\"$\"");
	expect(f, "${secret:store/password|sh}", "'p'\\''w\"$'");
	expect(f, "${secret:store/password|url}", "p%27w%22%24");
	expect(f, "${secret:store/password|b64}", "cCd3IiQ=");
	expect(f, "${secret:store/password|b64|url}", "cCd3IiQ%3D");
	expect(f, "${secret:store/password|glob}", "^p\\x27w\\x22\\x24$");
	_cleanup_free_ char *json = NULL;
	assert_works(filter_apply("json", "\x01\n\t\\\x7f\xc3\xa9", "", &json, &f->err), f);
	assert_string_equal(json, "\"\\u0001\\n\\u0009\\\\\\u007f\xc3\xa9\"");
}

/* The same text each time, or files and recorded hashes would change at every boot; and the password fits. */
static void hashed(void **state)
{
	struct fix *f = *state;
	static const char *const kinds[][2] = {{"bcrypt", "$2b$"}, {"sha512crypt", "$6$"}};
	fix_sample(f);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *one = NULL, *two = NULL, *other = NULL;
		assert_works(filter_apply(kinds[i][0], "password", "id", &one, &f->err), f);
		assert_works(filter_apply(kinds[i][0], "password", "id", &two, &f->err), f);
		assert_works(filter_apply(kinds[i][0], "password", "id2", &other, &f->err), f);
		assert_true(str_starts(one, kinds[i][1]));
		assert_string_equal(one, two);
		assert_string_not_equal(one, other);
		struct crypt_data data = {0};
		assert_string_equal(crypt_r("password", one, &data), one);
		assert_string_not_equal(crypt_r("passwore", one, &data), one);
	}
}

/* The key is what another implementation derives from the password, the salt and the rounds that stand beside it. */
static void derived(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *one = NULL, *two = NULL, *other = NULL;
	assert_works(filter_apply("pbkdf2", "password", "id", &one, &f->err), f);
	assert_works(filter_apply("pbkdf2", "password", "id", &two, &f->err), f);
	assert_works(filter_apply("pbkdf2", "password", "id2", &other, &f->err), f);
	assert_string_equal(one, "d81dae460eb8295024cc5a972c3b8bf8e24f9332d8988e3418bc2e10f264c833,"
				 "152bf5d8c79f3aa9b0c189486aed0add,10000");
	assert_string_equal(one, two);
	assert_string_not_equal(one, other);
}

static void refused(void **state)
{
	struct fix *f = *state;
	with_values(f);
	static const char *const cases[][2] = {
		{"${", "reference without its closing brace"},
		{"${secret:store/password", "reference without its closing brace"},
		{"${}", "${}: empty reference"},
		{"${secret:none}", "${secret:none}: no such secret"},
		{"${secret:../ca/key.pem}", "${secret:../ca/key.pem}: no such secret"},
		{"${cert:front/tls:pem}", "${cert:front/tls:pem}: \"pem\" is none of cert, key, ca"},
		{"${cert:store/password:key}", "${cert:store/password:key}: no such certificate"},
		{"${cert:front/tls}", "${cert:front/tls}: no such certificate"},
		{"${fact:moon}", "${fact:moon}: no such fact"},
		{"${address:moon}", "${address:moon}: no such container"},
		{"${moon:x}", "${moon:x}: unknown kind of reference"},
		{"${saved:../../etc/passwd}", "${saved:../../etc/passwd}: no such value"},
		{"${saved:store/later}", "${saved:store/later}: not captured yet by its provision step"},
		{"${fact:domain|jsn}", "${fact:domain|jsn}: unknown filter \"jsn\""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *got = NULL;
		assert_fails(text_resolve(&f->a, cases[i][0], NULL, &got, &f->err), f, cases[i][1]);
		assert_null(got);
	}
}

static void inside_json(void **state)
{
	struct fix *f = *state;
	with_values(f);
	_cleanup_json_ json_t *in = json_pack(
		"{s:[s,i,b], s:{s:s}, s:n}", "list", "x ${fact:domain}", 1, 1, "o", "k", "${address:app}", "nothing");
	_cleanup_json_ json_t *out = text_resolve_json(&f->a, in, NULL, &f->err);
	_cleanup_free_ char *text = json_compact(out);
	assert_string_equal(
		text, "{\"list\":[\"x kiln.internal\",1,true],\"nothing\":null,\"o\":{\"k\":\"10.213.0.30\"}}");
	_cleanup_json_ json_t *bad = json_pack("{s:{s:[s]}}", "a", "b", "${fact:moon}");
	assert_null(text_resolve_json(&f->a, bad, NULL, &f->err));
	assert_string_equal(f->err.msg, "a: b: ${fact:moon}: no such fact");
}

/* A secret in all forms it took is hidden; a form that begins with another as a whole. */
static void masks(void **state)
{
	struct fix *f = *state;
	_cleanup_strvec_ struct strvec m = STRVEC_INIT;
	with_values(f);
	put(f, "state/secrets/app/key", "abcd");
	put(f, "state/secrets/app/cookie", "abcd+/=");
	_cleanup_free_ char *text = NULL, *clean = NULL;
	assert_works(text_resolve(&f->a, "${secret:app/key|b64} ${secret:app/cookie|url} ${fact:domain}", &m, &text,
			     &f->err),
		f);
	clean = text_mask("abcd, abcd+/=, YWJjZA==, abcd%2B%2F%3D, kiln.internal, abc", &m);
	assert_string_equal(clean, "***, ***, ***, ***, kiln.internal, abc");
	put(f, "state/saved/app/token", "sqa_t0ken\n");
	put(f, "state/saved/app/kind", "healthy"); /* a note */
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;
	text_mask_all(&f->a, &all);
	assert_int_equal(all.n, 4);
	/* What a step captured, and at the end, where a text was cut off, a part of it. */
	_cleanup_free_ char *cut = text_mask("sqa_t0ken sqa_t0 sqa sqa_t", &all), *end = text_mask("of sqa", &all);
	assert_string_equal(cut, "*** sqa_t0 sqa ***");
	assert_string_equal(end, "of sqa");
}

static void pointers(void **state)
{
	(void)state;
	_cleanup_json_ json_t *j = json_loads("{\"a\":{\"b/c\":[10,{\"~\":true}]},\"\":1}", 0, NULL);
	assert_ptr_equal(json_pointer(j, ""), j);
	assert_int_equal(json_integer_value(json_pointer(j, "/a/b~1c/0")), 10);
	assert_true(json_is_true(json_pointer(j, "/a/b~1c/1/~0")));
	assert_int_equal(json_integer_value(json_pointer(j, "/")), 1);
	static const char *const none[] = {
		"a", "/b", "/a/b~1c/2", "/a/b~1c/00", "/a/b~1c/-", "/a/b~2c", "/a/b~", "/a/b~1c/0/x"};
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_null(json_pointer(j, none[i]));
	assert_null(json_pointer(j, NULL));
}

static void ids(void **state)
{
	(void)state;
	assert_true(agent_id_ok("a"));
	assert_true(agent_id_ok("n8n/db/pass.word_1"));
	static const char *const bad[] = {
		"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a b", "a\nb"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(agent_id_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(references, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(filters, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(hashed, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(derived, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(refused, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(inside_json, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(masks, fix_setup, fix_teardown),
		cmocka_unit_test(pointers),
		cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
