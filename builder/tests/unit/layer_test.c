/* Layers: a fixed digest, and a tar-split from which the tar comes back byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crc.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "layers.h"
#include "oci/image.h"
#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <endian.h>
#include <openssl/evp.h>

#define BASE_ID "dd04dbba702dbb91d202406828441d28919a97b0ccc917603dc1849ba7552a87"
#define TOP_ID "e580dd102f335de1bbbdb9744baa61c5c4ee56c0ba5b7a6e78846373d29a13e4"

static int make_trees(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fix_root(dir);
	awkward_base();
	awkward_top();
	return 0;
}

static int setup(void **state)
{
	return layers_setup(state, make_trees);
}

static void digests(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct layer_info i;
	assert_int_equal(layer_info_read(base.index, &i, &e), 0);
	assert_int_equal(i.epoch, EPOCH);
	assert_int_equal(i.n_uids, 1);
	assert_int_equal(i.n_gids, 2);
	assert_int_equal(i.gids[1], 42);
	assert_string_equal(i.diff_id, BASE_ID);
	layer_info_release(&i);
	assert_int_equal(layer_info_read(top.index, &i, &e), 0);
	assert_int_equal(i.n_uids, 3);
	assert_int_equal(i.uids[0], 0);
	assert_int_equal(i.uids[1], 7);
	assert_int_equal(i.uids[2], 65000);
	assert_int_equal(i.gids[2], 65001);
	assert_string_equal(i.diff_id, TOP_ID);
	layer_info_release(&i);
}

static size_t unbase64(const char *s, unsigned char *out)
{
	size_t n = strlen(s);
	int len = EVP_DecodeBlock(out, (const unsigned char *)s, (int)n);
	return (size_t)len - (n && s[n - 1] == '=') - (n > 1 && s[n - 2] == '=');
}

/* The content of a member, from the tree that has it. */
static int rebuild_file(struct hash *h, const json_t *rec, struct err *err)
{
	const char *name = json_string_value(json_object_get(rec, "name"));
	unsigned char raw[512] = {0}, crc[16];
	if (!name) {
		unbase64(json_string_value(json_object_get(rec, "name_raw")), raw);
		name = (const char *)raw;
	}
	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ char *path = path_join(top_dirs[i], name);
		size_t len;
		_cleanup_free_ char *data = path_exists(path) ? path_read(path, 1 << 20, &len, err) : NULL;
		if (!data)
			continue;
		if ((json_int_t)len != json_integer_value(json_object_get(rec, "size")))
			return err_set(err, ERR_TEST, "%s: size", name);
		uint64_t want = htobe64(crc64_iso(0, data, len));
		if (unbase64(json_string_value(json_object_get(rec, "payload")), crc) != 8 || memcmp(crc, &want, 8))
			return err_set(err, ERR_TEST, "%s: sum", name);
		hash_add(h, data, len);
		return 0;
	}
	return err_set(err, ERR_TEST, "%s: not in the tree", name);
}

static int rebuild_line(struct hash *h, const char *line, size_t len, json_int_t position, struct err *err)
{
	_cleanup_json_ json_t *rec = json_parse(line, len, "tar-split", err);
	if (!rec)
		return -1;
	if (json_integer_value(json_object_get(rec, "position")) != position)
		return err_set(err, ERR_TEST, "position");
	if (json_integer_value(json_object_get(rec, "type")) == 1)
		return json_object_get(rec, "size") ? rebuild_file(h, rec, err) : 0;
	const char *payload = json_string_value(json_object_get(rec, "payload"));
	_cleanup_free_ unsigned char *raw = xmalloc(strlen(payload) + 4);
	hash_add(h, raw, unbase64(payload, raw));
	return 0;
}

static char *gunzip(const char *path, size_t *ret_len)
{
	struct strbuf b = STRBUF_INIT;
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	archive_read_support_filter_gzip(a);
	archive_read_support_format_raw(a);
	char chunk[4096];
	if (archive_read_open_filename(a, path, 4096) == ARCHIVE_OK && archive_read_next_header(a, &e) == ARCHIVE_OK)
		for (la_ssize_t n; (n = archive_read_data(a, chunk, sizeof chunk)) > 0;)
			strbuf_add(&b, chunk, (size_t)n);
	archive_read_free(a);
	*ret_len = b.len;
	return strbuf_steal(&b);
}

static int rebuild(void *arg, struct err *err)
{
	(void)arg;
	_cleanup_free_ char *path = path_join(top.index, "tar-split.gz");
	size_t len;
	_cleanup_free_ char *text = gunzip(path, &len);
	struct hash *h = hash_new();
	json_int_t position = 0;
	int r = 0;
	for (char *p = text, *nl; !r && p < text + len && (nl = memchr(p, '\n', (size_t)(text + len - p))); p = nl + 1)
		r = rebuild_line(h, p, (size_t)(nl - p), position++, err);
	char hex[HASH_HEX];
	hash_end(h, hex);
	if (!r && strcmp(hex, TOP_ID))
		return err_set(err, ERR_TEST, "the rebuilt tar is %s", hex);
	return r;
}

static void tar_split_rebuilds_the_tar(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	if (ns_call(rebuild, NULL, &e))
		fail_msg("%s", e.msg);
}

/* An index of a tree that cannot be read leaves nothing. */
static void failure_leaves_nothing(void **state)
{
	(void)state;
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *index = path_join(dir, "bad.index"), *info = path_join(index, "layer.json"),
			    *split = path_join(index, "tar-split.gz");
	const char *const none[] = {"/nonexistent/tree", NULL};
	struct layer l = {.dirs = none, .index = index};
	assert_int_equal(layer_index(&l, EPOCH, &e), -1);
	assert_string_equal(e.msg, "image layer /nonexistent/tree: /nonexistent/tree: No such file or directory");
	assert_false(path_exists(info));
	assert_false(path_exists(split));
}

static void bad_info(const char *text, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, "layer.json");
	struct layer_info i;
	assert_int_equal(path_write(path, text, strlen(text), 0644, &e), 0);
	assert_int_equal(layer_info_read(dir, &i, &e), -1);
	assert_int_equal(strncmp(e.msg, dir, strlen(dir)), 0);
	assert_string_equal(e.msg + strlen(dir), want);
}

static void corrupt_info(void **state)
{
	(void)state;
	bad_info("{\"diff_id\": \"abc\"}", "/layer.json: diff_id: expected 64 hexadecimal digits");
	bad_info("{\"diff_id\": \"" TOP_ID "\", \"size\": 1, \"epoch\": 1, \"uids\": [0, -1], \"gids\": []}",
		"/layer.json: uids: expected user or group numbers");
}

static void image_config_and_manifest(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	const struct layer *const chain[] = {&base, &top};
	const char *const names[] = {"localhost/kiln/a/b:kiln", NULL}, *const run[] = {"/usr/bin/tool", "-x", NULL},
			  *const env[] = {"A=b", NULL};
	struct image_spec s = {.names = names,
		.arch = "arm64",
		.layers = chain,
		.n_layers = 2,
		.entrypoint = run,
		.env = env,
		.user = "7:8",
		.workdir = "/srv",
		.stop_signal = "SIGINT"};
	struct image i;
	assert_int_equal(image_make(&s, &i, &e), 0);
	assert_string_equal(i.created, "2023-11-14T22:13:20Z");
	assert_string_equal(i.config,
		"{\"architecture\":\"arm64\",\"config\":{\"Entrypoint\":[\"/usr/bin/tool\",\"-x\"],\"Env\":[\"A=b\"],"
		"\"StopSignal\":\"SIGINT\",\"User\":\"7:8\",\"WorkingDir\":\"/"
		"srv\"},\"created\":\"2023-11-14T22:13:20Z\","
		"\"history\":[{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"kiln\"},"
		"{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"kiln\"}],\"os\":\"linux\",\"rootfs\":{\"diff_"
		"ids\":"
		"[\"sha256:" BASE_ID "\",\"sha256:" TOP_ID "\"],\"type\":\"layers\"},\"variant\":\"v8\"}");
	_cleanup_free_ char *digest = xasprintf("\"digest\":\"sha256:%s\"", i.id);
	assert_non_null(strstr(i.manifest, digest));
	image_release(&i);
	_cleanup_err_ struct err bad = ERR_INIT;
	s.arch = "z80";
	assert_int_equal(image_make(&s, &i, &bad), -1);
	assert_string_equal(bad.msg,
		"image localhost/kiln/a/b:kiln: architecture z80 has no name in the OCI specification known here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests),
		cmocka_unit_test(tar_split_rebuilds_the_tar),
		cmocka_unit_test(failure_leaves_nothing),
		cmocka_unit_test(corrupt_info),
		cmocka_unit_test(image_config_and_manifest),
	};
	return cmocka_run_group_tests_name("image layers", tests, setup, scratch_teardown);
}
