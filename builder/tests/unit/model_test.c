/* Models of a registry: their names, manifests and configs, and the lock's record of them. */
#include "base/json.h"
#include "base/str.h"
#include "config/modelname.h"
#include "oci/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define BLOB(type, hex, size) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":" size "}"
#define CONFIG "\"config\":" BLOB(TYPE_DOCKER_CONFIG, A, "100")
#define WEIGHTS BLOB(MODEL_TYPE "model", B, "5000000000")
#define MANIFEST(more) "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_DOCKER_MANIFEST "\"," more "}"

static void test_names(void **state)
{
	static const char *const table[][4] = {
		{"tiny", "registry.ollama.ai/library/tiny:latest", "tiny:latest",
			"registry.ollama.ai/library/tiny/latest"},
		{"gemma3:270m", "registry.ollama.ai/library/gemma3:270m", "gemma3:270m",
			"registry.ollama.ai/library/gemma3/270m"},
		{"me/X_1:q4.K-M", "registry.ollama.ai/me/X_1:q4.K-M", "me/X_1:q4.K-M",
			"registry.ollama.ai/me/X_1/q4.K-M"},
		{"registry.ollama.ai/library/a:b@sha256:" A, "registry.ollama.ai/library/a:b", "a:b",
			"registry.ollama.ai/library/a/b"},
		{"r.example:5000/team/a", "r.example:5000/team/a:latest", "r.example:5000/team/a:latest",
			"r.example:5000/team/a/latest"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct arena arena = {0};
		struct reference r;
		if (model_name_parse(&arena, table[i][0], &r, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(model_name_whole(&arena, &r), table[i][1]);
		assert_string_equal(model_name_short(&arena, &r), table[i][2]);
		assert_string_equal(model_name_path(&arena, &r), table[i][3]);
		assert_true(!!r.digest == !!strchr(table[i][0], '@'));
		arena_release(&arena);
	}
}

static void test_bad_names(void **state)
{
	static const char *const table[][2] = {
		{"", "model: an empty name"},
		{"a:", "model \"a:\": column 3: a tag begins with a letter, a digit or '_'"},
		{"/a", "model \"/a\": column 1: a namespace begins with a letter, a digit or '_'"},
		{"a/", "model \"a/\": column 3: a model begins with a letter, a digit or '_'"},
		{"..", "model \"..\": column 1: a model begins with a letter, a digit or '_'"},
		{"a/..:x", "model \"a/..:x\": column 3: a model begins with a letter, a digit or '_'"},
		{"a:b:c", "model \"a:b:c\": column 4: a tag has letters, digits and any of \"_-.\""},
		{"a\nb", "model \"a\nb\": column 2: a model has letters, digits and any of \"_-.\""},
		{"r.example:x/a/b", "model \"r.example:x/a/b\": column 1: a registry's host has a dot or a port"},
		{"a@md5:12", "model \"a@md5:12\": column 3: expected a digest sha256:HEX"},
		{"a@sha256:" A "0", "model \"a@sha256:" A "0\": column 10: expected 64 hex digits in lower case"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct arena arena = {0};
		struct reference r;
		assert_int_equal(model_name_parse(&arena, table[i][0], &r, &err), -1);
		assert_string_equal(err.msg, table[i][1]);
		arena_release(&arena);
	}
	_cleanup_free_ char *name = xcalloc(100, 1);
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct reference r;
	memset(name, 'x', 81);
	assert_int_equal(model_name_parse(&arena, name, &r, &err), -1);
	assert_non_null(strstr(err.msg, "column 1: a model is longer than 80 bytes"));
	arena_release(&arena);
}

static const char good[] = MANIFEST(CONFIG ",\"layers\":[" WEIGHTS "," BLOB(MODEL_TYPE "template", A, "12") "," BLOB(
	MODEL_TYPE "projector", A, "7") "," BLOB(MODEL_TYPE "license", B, "4194304") "]");

/* What a manifest says is what the lock gets, and comes back from there. */
static void test_manifest(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct model_pin pin = {.manifest = {.digest = A, .size = 9, .type = TYPE_DOCKER_MANIFEST}}, again = {0};
	struct document d = {.text = good, .len = strlen(good), .type = "text/plain", .name = "x"};
	static const char *const parts[] = {"manifest", "config", "weights", "template", "projector", "licence"};

	(void)state;
	if (model_manifest_read(&d, &arena, &pin, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(pin.n_layers, 4);
	assert_true(model_weights(&pin) == 5000000007);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_string_equal(model_part(&pin, i), parts[i]);
	assert_null(model_blob(&pin, ARRAY_SIZE(parts)));
	_cleanup_json_ json_t *j = model_pin_json(&pin);
	if (model_pin_read(j, NULL, &arena, &again, &err) < 0)
		fail_msg("%s", err.msg);
	_cleanup_json_ json_t *second = model_pin_json(&again);
	assert_true(json_equal(j, second));
	arena_release(&arena);
}

static int read_manifest(const struct document *d, struct err *err)
{
	struct arena arena = {0};
	struct model_pin pin = {0};
	int r = model_manifest_read(d, &arena, &pin, err);

	arena_release(&arena);
	return r;
}

static void refused(int (*f)(const struct document *, struct err *), const char *text, const char *message)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct document d = {.text = text, .len = strlen(text), .name = "x"};

	assert_int_equal(f(&d, &err), -1);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_string_equal(err.msg, message);
}

static void test_bad_manifests(void **state)
{
	static const char *const table[][2] = {
		{"[]", "x: expected an object"},
		{"{\"a\":1,\"a\":2}", "x:1:10: duplicate object key near '\"a\"'"},
		{"{}", "x: schemaVersion: expected an integer, found nothing"},
		{"{\"schemaVersion\":1}", "x: schemaVersion: expected 2, found 1"},
		{"{\"schemaVersion\":2,\"mediaType\":\"text/html\"}",
			"x: no manifest of a model: its type is \"text/html\""},
		{MANIFEST("\"manifests\":[]"), "x: it has \"manifests\": an index of images, not a model"},
		{MANIFEST(CONFIG), "x: layers: expected an array, found nothing"},
		{MANIFEST(CONFIG ",\"layers\":[]"), "x: no weights among its layers; kiln takes models that run here"},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB(MODEL_TYPE "template", A, "5") "]"),
			"x: no weights among its layers; kiln takes models that run here"},
		{MANIFEST("\"layers\":[" WEIGHTS "]"), "x: config: expected an object, found nothing"},
		{MANIFEST("\"config\":" BLOB("application/vnd.oci.image.config.v1+json", A, "5") ",\"layers\":[" WEIGHTS
												 "]"),
			"x: config: mediaType: \"application/vnd.oci.image.config.v1+json\" is none of a model's "
			"config"},
		{MANIFEST(CONFIG ",\"layers\":[7]"), "x: layers: entry 1: expected an object"},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB(MODEL_TYPE "tensor", A, "5") "]"),
			"x: layers: entry 1: weights as single tensors (\"" MODEL_TYPE "tensor\"); kiln takes GGUF"},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB("application/vnd.oci.image.layer.v1.tar+gzip", A, "5") "]"),
			"x: layers: entry 1: mediaType: \"application/vnd.oci.image.layer.v1.tar+gzip\" is none of a "
			"model"},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB(MODEL_TYPE "model", "../../etc", "5") "]"),
			"x: layers: entry 1: digest: expected sha256: and 64 hex digits, found \"sha256:../../etc\""},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB(MODEL_TYPE "model", A, "0") "]"),
			"x: layers: entry 1: size: expected 1 to 9007199254740991, found 0"},
		{MANIFEST(CONFIG ",\"layers\":[" BLOB(MODEL_TYPE "model", A, "-1") "]"),
			"x: layers: entry 1: size: expected an integer of at least 0, found -1"},
		{MANIFEST(CONFIG ",\"layers\":[" WEIGHTS "," BLOB(MODEL_TYPE "template", A, "4194305") "]"),
			"x: layers: entry 2: size: expected 1 to 4194304, found 4194305"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refused(read_manifest, table[i][0], table[i][1]);
	_cleanup_strbuf_ struct strbuf many = STRBUF_INIT;
	strbuf_adds(&many, "{\"schemaVersion\":2,\"layers\":[" WEIGHTS);
	for (int i = 0; i < 64; i++)
		strbuf_adds(&many, "," WEIGHTS);
	strbuf_adds(&many, "]}");
	refused(read_manifest, many.s, "x: layers: more than 64");
}

static void test_bad_configs(void **state)
{
	static const char *const table[][2] = {
		{"{}", "x: model_format: expected a string, found nothing"},
		{"{\"model_format\":\"safetensors\"}", "x: its weights are \"safetensors\"; kiln takes GGUF"},
		{"{\"remote_host\":\"https://cloud.example\"}",
			"x: the model runs elsewhere, at \"https://cloud.example\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refused(model_config_check, table[i][0], table[i][1]);
}

static void test_bad_pins(void **state)
{
#define PIN(m, c, l) "{\"manifest\":" m ",\"config\":" c ",\"layers\":[" l "]}"
#define REF(hex, size, type) "{\"digest\":\"sha256:" hex "\",\"size\":" size ",\"type\":\"" type "\"}"
#define M REF(A, "9", TYPE_DOCKER_MANIFEST)
#define C REF(A, "9", TYPE_DOCKER_CONFIG)
#define W REF(A, "9", MODEL_TYPE "model")
	static const char *const table[][2] = {
		{"7", "expected an object"},
		{"{\"manifest\":7}", "manifest: expected an object, found an integer"},
		{PIN(M, C, ""), "layers: no weights among them"},
		{PIN(M, W, W), "config: type: none of a model"},
		{PIN(M, C, C), "layers: entry 1: type: none of a model"},
		{PIN(M, C, REF(A, "9", "text/plain")), "layers: entry 1: type: none of a model"},
		{PIN(M, C, REF("AA", "9", MODEL_TYPE "model")),
			"layers: entry 1: digest: expected sha256: and 64 hex digits, found \"sha256:AA\""},
		{PIN(REF(A, "4194305", TYPE_DOCKER_MANIFEST), C, W),
			"manifest: size: expected a number from 1 to 4194304, found 4194305"},
		{PIN(M, C, W "," REF(A, "4194305", MODEL_TYPE "system")),
			"layers: entry 2: size: expected a number from 1 to 4194304, found 4194305"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_json_ json_t *j = json_loads(table[i][0], JSON_DECODE_ANY, NULL);
		struct arena arena = {0};
		struct model_pin pin;
		assert_non_null(j);
		assert_int_equal(model_pin_read(j, NULL, &arena, &pin, &err), -1);
		assert_string_equal(err.msg, table[i][1]);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_bad_manifests),
		cmocka_unit_test(test_bad_configs),
		cmocka_unit_test(test_bad_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
