/* Layouts and archives that somebody else made: names, links, digests and duplicates that must lead nowhere. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/layout.h"
#include "outside.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OCI "application/vnd.oci.image."
static struct cache *cache;

static int setup(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	return outside_begin("kiln-layout-") && chdir(outside_work) == 0 && cache_open("cache", NULL, &cache, &err) == 0
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	(void)state;
	cache_close(cache);
	return chdir("/") | outside_end(path_remove);
}

static void put(const char *path, const void *data, size_t n)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *parent = path_dir(path);

	assert_int_equal(path_mkdirs(parent, &err), 0);
	assert_int_equal(path_write(path, data, n, 0644, &err), 0);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* A blob of a layout in lay/; the digest in a small ring. */
static const char *blob(const char *text)
{
	static char ring[8][HASH_HEX];
	static unsigned next;
	char *hex = ring[next++ % 8];

	hash_bytes(text, strlen(text), hex);
	_cleanup_free_ char *path = xasprintf("lay/blobs/sha256/%s", hex);
	put_text(path, text);
	return hex;
}

/* A sound layout of one image with one layer; tag 1. Returns the manifest's digest. */
static const char *sound(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char diff[HASH_HEX];

	assert_int_equal(path_remove("lay", &err), 0);
	hash_bytes("layer", 5, diff);
	_cleanup_free_ char *config =
		xasprintf("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
			  "\"diff_ids\":[\"sha256:%s\"]}}",
			diff);
	const char *layer = blob("layer"), *config_hex = blob(config);
	_cleanup_free_ char *manifest =
		xasprintf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
			  "config.v1+json\",\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[{"
			  "\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":\"sha256:%s\",\"size\":5}]}",
			config_hex, strlen(config), layer);
	const char *hex = blob(manifest);
	_cleanup_free_ char *index =
		xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI
			  "manifest.v1+json\",\"digest\":\"sha256:%s\",\"size\":%zu,\"annotations\":{"
			  "\"org.opencontainers.image.ref.name\":\"1\"}}]}",
			hex, strlen(manifest));
	put_text("lay/index.json", index);
	put_text("lay/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	return hex;
}

static int try(const char *path, bool archive, const char *name, struct err *err)
{
	struct arena arena = {0};
	struct image_pin pin;
	_cleanup_local_ struct local *l = local_open(path, archive, err);
	int r = l ? layout_pin(l, name, "x", cache, platform_of("amd64"), &arena, &pin, err) : -1;

	if (r == 0)
		r = layout_fetch(l, "x", cache, &pin, err);
	arena_release(&arena);
	return r;
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* Whatever came before the fault is what its name says. */
static void kept_is_verified(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	DIR *d = opendir("cache/sha256");

	for (const struct dirent *e; (e = readdir(d));) {
		_cleanup_free_ char *path = path_join("cache/sha256", e->d_name);
		char hex[HASH_HEX];
		if (*e->d_name == '.')
			continue;
		assert_int_equal(hash_file(path, hex, &err), 0);
		assert_string_equal(e->d_name, hex);
	}
	closedir(d);
}

static void works(const char *path, bool archive, const char *name)
{
	_cleanup_err_ struct err err = ERR_INIT;

	if (try(path, archive, name, &err) < 0)
		fail_msg("%s", err.msg);
}

static void refused(const char *path, bool archive, const char *name, const char *message)
{
	_cleanup_err_ struct err err = ERR_INIT;
	size_t parts = entries("cache"), beside = entries(".");

	assert_int_equal(path_remove("cache/sha256", &err), 0);
	assert_int_equal(path_mkdirs("cache/sha256", &err), 0);
	assert_int_equal(try(path, archive, name, &err), -1);
	assert_string_equal(err.msg, message);
	assert_int_equal(entries("cache/tmp"), 0);
	assert_int_equal(entries("cache"), parts);
	assert_int_equal(entries("."), beside);
	kept_is_verified();
}

static void test_layouts(void **state)
{
	(void)state;
	sound();
	works("lay", false, NULL);
	works("lay", false, "1");
	refused("lay", false, "2", "image x: it has no image of that name; there is: 1");
	refused("none", false, NULL, "open none: No such file or directory");
	put_text("lay/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
	refused("lay", false, NULL, "image x: oci-layout: its imageLayoutVersion is not 1.0.0");
	sound();
	unlink("lay/oci-layout");
	refused("lay", false, NULL, "image x: lay: it has no oci-layout");
	sound();
	put_text("lay/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	refused("lay", false, NULL, "image x: it has no image; there is: nothing");
	put_text("lay/index.json", "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI
				   "manifest.v1+json\",\"digest\":\"sha256:../../../../canary\",\"size\":1}]}");
	refused("lay", false, NULL,
		"image x: index.json: digest: expected sha256: and 64 hex digits, found "
		"\"sha256:../../../../canary\"");
}

static void test_tampered(void **state)
{
	char layer[HASH_HEX];

	(void)state;
	hash_bytes("layer", 5, layer);
	_cleanup_free_ char *path = xasprintf("lay/blobs/sha256/%s", layer);
	(void)sound();
	put_text(path, "reyal");
	char found[HASH_HEX];
	hash_bytes("reyal", 5, found);
	_cleanup_free_ char *wrong =
		xasprintf("image x: lay: the SHA-256 of %s is %s, expected is %s", path + 4, found, layer);
	refused("lay", false, NULL, wrong);
	put_text(path, "layers");
	_cleanup_free_ char *size = xasprintf("image x: lay: %s has 6 bytes, expected are 5", path + 4);
	refused("lay", false, NULL, size);
	unlink(path);
	_cleanup_free_ char *gone = xasprintf("image x: lay: it has no %s", path + 4);
	refused("lay", false, NULL, gone);
	/* A link in it is not followed, wherever it leads. */
	put_text("outside", "layer");
	_cleanup_free_ char *outside = xasprintf("%s/outside", outside_work);
	assert_int_equal(symlink(outside, path), 0);
	_cleanup_free_ char *link = xasprintf("image x: lay: %s is a link, and none is followed", path + 4);
	refused("lay", false, NULL, link);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	_cleanup_free_ char *fifo = xasprintf("image x: lay: %s is not a file", path + 4);
	refused("lay", false, NULL, fifo);
}

/* A tar, member by member. */
static struct strbuf tar;

static void header(const char *name, char type, const char *link, unsigned size)
{
	char h[512] = {0};
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", 0644);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 0);
	snprintf(h + 124, 12, "%011o", size);
	snprintf(h + 136, 12, "%011o", 0);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257, "ustar", 6);
	memcpy(h + 263, "00", 2);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	strbuf_add(&tar, h, sizeof h);
}

static void member(const char *name, const char *text)
{
	static const char zeros[512];

	header(name, '0', "", (unsigned)strlen(text));
	strbuf_adds(&tar, text);
	strbuf_add(&tar, zeros, -strlen(text) & 511);
}

static void finish(const char *path)
{
	static const char zeros[1024];

	strbuf_add(&tar, zeros, sizeof zeros);
	put(path, tar.s, tar.len);
	strbuf_release(&tar);
}

static void docker(const char *manifest)
{
	_cleanup_free_ char *canary = outside_text(CANARY), *text = outside_text(manifest);
	char hex[HASH_HEX];

	hash_bytes("layer", 5, hex);
	_cleanup_free_ char *config =
		xasprintf("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
			  "\"diff_ids\":[\"sha256:%s\"]}}",
			hex);
	member("./config.json", config);
	member("a/layer.tar", "layer");
	header("b/layer.tar", '2', "../a/layer.tar", 0);
	header("c/layer.tar", '2', "../c/layer.tar", 0);
	header("d/layer.tar", '2', canary, 0);
	header("e/layer.tar", '1', "a/layer.tar", 0);
	member("f/layer.tar", "other");
	member("../canary", "layer");
	member("manifest.json", text);
	finish("docker.tar");
}

#define IMAGE(layer, tags) "{\"Config\":\"config.json\",\"RepoTags\":[" tags "],\"Layers\":[\"" layer "\"]}"

static void test_docker_archives(void **state)
{
	(void)state;
	docker("[" IMAGE("a/layer.tar", "\"x:1\"") "]");
	works("docker.tar", true, NULL);
	works("docker.tar", true, "x:1");
	refused("docker.tar", true, "x:2", "image x: it has no image of that name; there is: x:1");
	docker("[" IMAGE("b/layer.tar", "\"x:1\"") "]");
	works("docker.tar", true, NULL);
	docker("[" IMAGE("e/layer.tar", "\"x:1\"") "]");
	works("docker.tar", true, NULL);
	docker("[" IMAGE("c/layer.tar", "") "]");
	refused("docker.tar", true, NULL, "image x: manifest.json: docker.tar: it has no c/layer.tar");
	docker("[" IMAGE("d/layer.tar", "") "]");
	refused("docker.tar", true, NULL, "image x: manifest.json: docker.tar: it has no d/layer.tar");
	docker("[" IMAGE("../../canary", "") "]");
	refused("docker.tar", true, NULL, "image x: manifest.json: docker.tar: it has no ../../canary");
	/* Names of members are no names of files. */
	docker("[" IMAGE("../canary", "") "]");
	works("docker.tar", true, NULL);
	docker("[" IMAGE(CANARY, "") "]");
	_cleanup_free_ char *none = outside_text("image x: manifest.json: docker.tar: it has no " CANARY);
	refused("docker.tar", true, NULL, none);
	docker("[" IMAGE("a\\u001b[2J", "") "]");
	refused("docker.tar", true, NULL, "image x: manifest.json: Layers: entry 1: expected the name of a file");
	docker("[" IMAGE("a/layer.tar", "\"x:1\"") "," IMAGE("a/layer.tar", "\"y:1\"") "]");
	refused("docker.tar", true, NULL, "image x: it has several images; there is: x:1, y:1");
	works("docker.tar", true, "y:1");
	docker("{}");
	refused("docker.tar", true, NULL, "image x: manifest.json: expected an array");
	docker("[]");
	refused("docker.tar", true, NULL, "image x: it has no image; there is: nothing");
	docker("[[[[[[[[[]]]]]]]]]");
	refused("docker.tar", true, NULL, "image x: manifest.json:1:9: nested more than 8 deep");
	docker("[" IMAGE("f/layer.tar", "") "]");
	char found[HASH_HEX], wanted[HASH_HEX];
	hash_bytes("other", 5, found);
	hash_bytes("layer", 5, wanted);
	_cleanup_free_ char *diff = xasprintf("image x: layer 1: its SHA-256 is %s, its diff id %s", found, wanted);
	refused("docker.tar", true, NULL, diff);
}

static void test_archives(void **state)
{
	(void)state;
	put_text("text.tar", "this is no archive at all, and never was");
	refused("text.tar", true, NULL, "text.tar: no tar archive");
	refused("none.tar", true, NULL, "open none.tar: No such file or directory");
	member("manifest.json", "[]");
	member("./manifest.json", "[]");
	finish("twice.tar");
	refused("twice.tar", true, NULL, "twice.tar: it has two members manifest.json");
	member("a", "b");
	finish("nothing.tar");
	refused("nothing.tar", true, NULL, "image x: nothing.tar: it has no oci-layout");
	header("device", '3', "", 0);
	finish("device.tar");
	refused("device.tar", true, NULL, "device.tar: a member that is neither file, directory nor link");
	member("a", "b");
	header("cut", '0', "", 100000);
	put("cut.tar", tar.s, tar.len);
	strbuf_release(&tar);
	refused("cut.tar", true, NULL,
		"cut.tar: the archive is damaged: Truncated input file (needed 100352 bytes, only 0 available)");
	/* A link called like an index does not lead out. */
	_cleanup_free_ char *canary = outside_text(CANARY);
	header("oci-layout", '2', canary, 0);
	finish("link.tar");
	refused("link.tar", true, NULL, "image x: link.tar: it has no oci-layout");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_docker_archives),
		cmocka_unit_test(test_archives),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
