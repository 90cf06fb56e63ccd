/* The steps of layers that others made: who is refused, whose layer it is, and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"
#include "steps/upstream.h"
#include "upstreamfix.h"

/* A tar in the cache, as a lock pins it. */
static struct pin_layer pinned(struct cache *c, const char *lines)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_err_ struct err e = ERR_INIT;
	char hex[HASH_HEX];

	up_lines(&tar, lines);
	up_end(&tar);
	hash_bytes(tar.s, tar.len, hex);
	assert_int_equal(cache_add_bytes(c, tar.s, tar.len, hex, &e), 0);
	const char *digest = arena_strdup(&scratch_arena, hex);
	return (struct pin_layer){
		.blob = {.digest = digest, .size = tar.len, .type = "application/vnd.oci.image.layer.v1.tar"},
		.diff_id = digest};
}

/* Make the index of a layer of the lock. */
static int run(struct cache *c, const struct lock *l, const struct pin_layer *p, struct err *err)
{
	struct graph g = {.cache = cache_dir(c), .jobs = 1};
	struct appliance a = {0};
	struct upstreams u;

	assert_int_equal(upstreams_add(&g, &u, &a, l, c, err), 0);
	int r = graph_run(&g, (struct step *const[]){upstreams_index(&u, p), NULL}, err);
	graph_release(&g);
	upstreams_release(&u);
	return r;
}

static void refused(struct cache *c, const struct lock *l, const struct pin_layer *p, const char *image,
	const char *what, const char *hint)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *want =
		xasprintf("layer-%.12s: image %s: layer sha256:%s: %s", p->blob.digest, image, p->blob.digest, what);

	assert_int_equal(run(c, l, p, &e), -1);
	assert_string_equal(e.msg, want);
	assert_int_equal(e.kind, ERR_VERIFY);
	assert_string_equal(e.hint, hint);
}

static void its_image_is_named(void **state)
{
	static const char bad[] = "the image is damaged or malicious: pin another version of it",
			  rotten[] = "the damaged copy in the cache is gone: the next build fetches it again";
	_cleanup_err_ struct err e = ERR_INIT;
	struct cache *c = NULL;

	(void)state;
	assert_int_equal(cache_open(scratch_path("cache"), NULL, &c, &e), 0);
	assert_int_equal(path_mkdirs(scratch_path("cache/steps"), &e), 0);
	struct pin_layer clean = pinned(c, "f clean=x"), hostile = pinned(c, "f ../canary=x"),
			 own = pinned(c, "l up -> ..\nf up/canary=x"), other = clean;
	other.diff_id = hostile.blob.digest;
	struct pin_layer one[] = {clean}, two[] = {clean, hostile}, three[] = {hostile, own, other};
	struct lock_image images[] = {{.name = "docker.io/a/clean:1", .pin = {.layers = one, .n_layers = 1}},
		{.name = "docker.io/b/hostile:1", .pin = {.layers = two, .n_layers = 2}},
		{.name = "docker.io/c/also:1", .pin = {.layers = three, .n_layers = 3}}};
	struct lock l = {.arch = "amd64", .epoch = 1700000000, .images = {images, 3}};

	if (run(c, &l, &clean, &e))
		fail_msg("%s", e.msg);
	refused(c, &l, &hostile, "docker.io/b/hostile:1", "member \"../canary\": its path has \"..\"", bad);
	refused(c, &l, &own, "docker.io/c/also:1",
		"member \"up/canary\": a directory above it is a link or a file of the same layer", bad);
	_cleanup_free_ char *diff = xasprintf("its content is sha256:%s, but the config has sha256:%s",
				    clean.blob.digest, hostile.blob.digest),
			    *path = cache_blob_path(c, own.blob.digest);
	refused(c, &l, &other, "docker.io/c/also:1", diff, bad);
	/* What rots in the cache is nobody's fault. */
	_cleanup_free_ char *zeros = xcalloc(1, own.blob.size);
	char hex[HASH_HEX];
	hash_bytes(zeros, own.blob.size, hex);
	assert_int_equal(path_write(path, zeros, own.blob.size, 0644, &e), 0);
	_cleanup_free_ char *blob = xasprintf("the blob is sha256:%s", hex);
	refused(c, &l, &own, "docker.io/c/also:1", blob, rotten);
	assert_false(path_exists(path));
	cache_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_image_is_named, scratch_setup, scratch_teardown)};
	return cmocka_run_group_tests_name("steps of layers", tests, NULL, NULL);
}
