/* Images whose documents and layers do not belong together: refused before anything of them is in a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "upstreamfix.h"
#include <cmocka.h>

static void expect_image(const struct upstream_image *i, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *text = xasprintf("container store: %s", want);
	struct store *s = store_plan(&(struct store_spec){.upstream = i, .n_upstream = 1}, &e);
	if (s)
		fail_msg("accepted, expected: %s", want);
	assert_string_equal(e.msg, text);
}

#define REF "registry.example/a:1"
static void do_not_agree(void **state)
{
	(void)state;
	static const char zero[HASH_HEX] = "0000000000000000000000000000000000000000000000000000000000000000";
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, tar2 = STRBUF_INIT;
	struct err e = ERR_INIT;
	struct up_layer a, b;
	up_lines(&tar, "f f=x");
	up_lines(&tar2, "f g=x");
	up_blob(&a, &tar, &tar);
	up_blob(&b, &tar2, &tar2);
	assert_int_equal(upstream_index(&a.l, &e), 0);
	assert_int_equal(upstream_index(&b.l, &e), 0);
	struct up_layer *const one[] = {&a}, *const two[] = {&a, &b};
	struct up_image u, v;
	up_image(&u, REF, one, 1, "");
	up_image(&v, REF, two, 2, "");
	struct upstream_image i = u.i;
	const char *name = u.i.manifest.digest;
	_cleanup_free_ char *manifest =
		xasprintf("image " REF ": the manifest is sha256:%s, not sha256:%s", name, zero);
	_cleanup_free_ char *index =
		xasprintf("image " REF ": the index is sha256:%s, not sha256:%s", u.i.index.digest, zero);
	_cleanup_free_ char *leads =
		xasprintf("image " REF ": the index has the manifest sha256:%s for amd64, not sha256:%s",
			v.i.manifest.digest, name);
	i.manifest.digest = zero;
	expect_image(&i, manifest);
	i = u.i;
	i.index.digest = zero;
	expect_image(&i, index);
	i = u.i;
	i.index = v.i.index;
	expect_image(&i, leads);
	i = u.i;
	i.config = v.i.config;
	expect_image(&i, "image " REF ": the config is not the one of the manifest");
	i = u.i;
	i.layers = v.i.layers;
	i.n_layers = 2;
	expect_image(&i, "image " REF ": 2 layers are here, the manifest has 1");
	i = u.i;
	i.layers = &b.l;
	expect_image(&i, "image " REF ": layer 1 is not the one of the manifest");
	struct upstream_layer other = a.l;
	other.diff_id = b.diff_id;
	i.layers = &other;
	expect_image(&i, "image " REF ": layer 1 has not the diff id of the config");
	other = a.l;
	other.index = b.index; /* an index mixed up in the cache */
	_cleanup_free_ char *mixed = xasprintf("image " REF ": %s: the index of another layer", b.index);
	expect_image(&i, mixed);
	i = u.i;
	i.arch = "arm64";
	expect_image(&i, "image " REF ": index: there is none for linux/arm64/v8; there is: linux/amd64");
	i.index.data = NULL;
	expect_image(&i, "image " REF ": config: the image is for linux/amd64, wanted is linux/arm64");
	i = u.i;
	i.reference = "short:1";
	expect_image(&i, "image name short:1 is not whole: expected HOST/NAME:TAG");
	up_image_release(&u);
	up_image_release(&v);
	static const char *const times[] = {"\"yesterday\"", "\"2026-02-30T00:00:00Z\"", "\"2026-01-01T24:00:00Z\"",
		"\"2026-01-01 00:00:00Z\"", "\"2026-01-01T00:00:00\"", "\"2026-01-01T00:00:00.Z\"", "7", "\"\""};
	for (size_t k = 0; k < ARRAY_SIZE(times); k++) {
		_cleanup_free_ char *more = xasprintf("\"created\":%s,", times[k]);
		up_image(&u, REF, one, 1, more);
		expect_image(
			&u.i, "image " REF ": config: created: expected a time as in RFC 3339, at most 39 bytes long");
		up_image_release(&u);
	}
	up_layer_release(&a);
	up_layer_release(&b);
}

/* The blob changes between index and store: seen while the store is written. */
static struct store *plan;
static int write_nowhere(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	(void)s;
	(void)data;
	(void)n;
	(void)err;
	return 0;
}

static void changed_after_index(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT, later = STRBUF_INIT;
	struct err e = ERR_INIT;
	struct up_layer a;
	up_lines(&tar, "f f=x\nf g=y");
	up_lines(&later, "f f=x\nf h=y");
	up_blob(&a, &tar, &tar);
	assert_int_equal(upstream_index(&a.l, &e), 0);
	struct up_layer *const one[] = {&a};
	struct up_image u;
	up_image(&u, REF, one, 1, "");
	plan = store_plan(&(struct store_spec){.upstream = &u.i, .n_upstream = 1}, &e);
	assert_non_null(plan);
	assert_int_equal(path_write(a.path, later.s, later.len, 0644, &e), 0);
	char hex[HASH_HEX];
	hash_bytes(later.s, later.len, hex);
	_cleanup_free_ char *want = xasprintf("layer sha256:%s: the blob is sha256:%s", a.digest, hex);
	struct tar_sink sink = {.write = write_nowhere};
	struct tar_out t = {.sink = &sink};
	_cleanup_err_ struct err bad = ERR_INIT;
	assert_int_equal(store_write(plan, &t, 0, &bad), -1);
	assert_string_equal(bad.msg, want);
	tar_release(&t);
	store_free(plan);
	up_image_release(&u);
	up_layer_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(do_not_agree), cmocka_unit_test(changed_after_index)};
	return cmocka_run_group_tests_name("forged images", tests, up_setup, up_teardown);
}
