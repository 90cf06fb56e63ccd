/* The SBOM that lies in the image: the text of kiln sbom, made once, and never less than all packages say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "casefile.h"
#include "deb_build.h"
#include "sbom/sbom.h"
#include "steps/sbom.h"
#include <string.h>

static char hex[HASH_HEX];
static struct lock_source source = {.uri = "http://deb.example/debian", .suite = "trixie"};
static struct lock_package package = {
	.key = "one:all", .name = "one", .arch = "all", .version = "1", .sha256 = hex, .path = "pool/one.deb"};
static struct lock lock = {
	.arch = "amd64", .suite = "trixie", .sources = {.v = &source, .n = 1}, .packages = {.v = &package, .n = 1}};

static struct cache *with_package(void)
{
	static const struct deb_entry files[] = {{.path = "./", .type = AE_IFDIR}};
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	struct cache *c = NULL;

	assert_int_equal(cache_open("cache", NULL, &c, &err), 0);
	assert_int_equal(path_mkdirs("cache/steps", &err), 0);
	assert_int_equal(path_mkdirs("cache/sha256", &err), 0);
	deb_make(&deb,
		"Package: one\nVersion: 1\nArchitecture: all\nMaintainer: M <m@x.example>\nDescription: the one\n",
		files, 1);
	hash_bytes(deb.s, deb.len, hex);
	package.size = deb.len;
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	assert_int_equal(path_write(path, deb.s, deb.len, 0644, &err), 0);
	return c;
}

/* The document, made or found; NULL on an error. */
static char *made(const struct appliance *a, const struct cache *c, struct err *err)
{
	struct graph g = {.cache = cache_dir(c), .jobs = 1};
	struct sbom_step d = {.a = a, .l = &lock, .cache = c};

	sbom_step_add(&g, &d);
	int r = graph_run(&g, (struct step *const[]){d.step, NULL}, err);
	_cleanup_free_ char *path = step_path(d.step, "sbom.spdx.json");
	char *text = r == 0 ? path_read(path, 1 << 20, NULL, err) : NULL;
	graph_release(&g);
	return text;
}

static void is_that_of_kiln_sbom(void **state)
{
	struct casefile_dir dir = casefile_enter();
	struct appliance a = {.name = "box", .summary = "A box"}, other = {.name = "box", .summary = "Another"};
	_cleanup_err_ struct err err = ERR_INIT;
	struct cache *c = with_package();

	(void)state;
	_cleanup_json_ json_t *doc = sbom_make(&(struct sbom_input){.l = &lock, .a = &a, .name = "box", .cache = c});
	_cleanup_free_ char *want = json_canonical(doc), *got = made(&a, c, &err);
	assert_string_equal(got, want);
	assert_non_null(strstr(got, "the one"));
	assert_null(strstr(got, "dm-verity"));
	_cleanup_free_ char *second = made(&other, c, &err);
	assert_non_null(strstr(second, "Another"));
	cache_close(c);
	casefile_leave(&dir);
}

static void wants_every_package(void **state)
{
	struct casefile_dir dir = casefile_enter();
	struct appliance a = {.name = "box"}, other = {.name = "other"};
	_cleanup_err_ struct err err = ERR_INIT;
	struct cache *c = with_package();

	(void)state;
	_cleanup_free_ char *path = cache_blob_path(c, hex), *before = made(&a, c, &err);
	_cleanup_free_ char *rot = xcalloc(package.size, 1);
	assert_non_null(before);
	assert_int_equal(path_write(path, rot, package.size, 0644, &err), 0);
	_cleanup_free_ char *again = made(&a, c, &err);
	assert_string_equal(again, before); /* nothing is done twice */
	assert_null(made(&other, c, &err));
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_string_equal(err.msg, "sbom: 1 of the lock's packages cannot be read in the cache");
	assert_string_equal(err.hint, "what is damaged is gone from the cache: the next build fetches it again");
	assert_false(path_exists(path));
	cache_close(c);
	casefile_leave(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_that_of_kiln_sbom), cmocka_unit_test(wants_every_package)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
