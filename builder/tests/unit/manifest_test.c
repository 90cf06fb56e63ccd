/* Indexes, manifests and configs: what is chosen, what is pinned, and the exact words for what is refused. */
#include "base/json.h"
#include "base/str.h"
#include "oci/manifest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define INDEX(entries) "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[" entries "]}"
#define ENTRY(hex, platform)                                                                                           \
	"{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" hex "\",\"size\":7" platform "}"
#define ON(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define ON_V(os, arch, v) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"variant\":\"" v "\"}"
#define CONFIG "\"config\":{\"mediaType\":\"" TYPE_OCI_CONFIG "\",\"digest\":\"sha256:" C "\",\"size\":100}"
#define LAYER(type, hex, size) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":" size "}"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST(more) "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\"," more "}"

static struct document doc(const char *text)
{
	return (struct document){.text = text, .len = strlen(text), .name = "x"};
}

static void chooses(const char *debian, const char *text, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct blob_ref got = {0};
	struct document d = doc(text);

	if (index_choose(&d, platform_of(debian), &arena, &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(got.digest, want);
	assert_int_equal(got.size, 7);
	arena_release(&arena);
}

static void test_chooses(void **state)
{
	(void)state;
	chooses("amd64", INDEX(ENTRY(B, ON("linux", "arm64")) "," ENTRY(A, ON("linux", "amd64"))), A);
	chooses("amd64", INDEX(ENTRY(B, ON("windows", "amd64")) "," ENTRY(A, ON("linux", "amd64"))), A);
	chooses("amd64", INDEX(ENTRY(B, ON_V("linux", "amd64", "v3")) "," ENTRY(A, ON("linux", "amd64"))), A);
	chooses("arm64", INDEX(ENTRY(B, ON("linux", "arm64")) "," ENTRY(A, ON_V("linux", "arm64", "v8"))), A);
	chooses("arm64", INDEX(ENTRY(A, ON("linux", "arm64")) "," ENTRY(B, ON_V("linux", "arm64", "v9"))), A);
	chooses("amd64", INDEX(ENTRY(A, ON("linux", "amd64")) "," ENTRY(B, ON("unknown", "unknown"))), A);
	chooses("amd64", INDEX(ENTRY(A, ON("linux", "amd64")) "," ENTRY(B, ON("linux", "amd64"))), A);
	chooses("amd64", INDEX(ENTRY(A, "")), A);
}

static int choose(const struct document *d, struct err *err)
{
	struct arena arena = {0};
	struct blob_ref b;
	int r = index_choose(d, platform_of("amd64"), &arena, &b, err);

	arena_release(&arena);
	return r;
}

static int read_manifest(const struct document *d, struct err *err)
{
	struct arena arena = {0};
	struct image_pin pin = {0};
	int r = manifest_read(d, &arena, &pin, err);

	arena_release(&arena);
	return r;
}

static int read_config(const struct document *d, struct err *err)
{
	struct arena arena = {0};
	struct pin_layer layers[2] = {0};
	struct image_pin pin = {.layers = layers, .n_layers = 2};
	int r = config_read(d, platform_of("amd64"), &arena, &pin, err);

	arena_release(&arena);
	return r;
}

static int kind(const struct document *d, struct err *err)
{
	enum document_kind k;
	const char *type;

	return manifest_kind(d, &k, &type, err);
}

static void refused(int (*f)(const struct document *, struct err *), struct document d, const char *message)
{
	_cleanup_err_ struct err err = ERR_INIT;

	assert_int_equal(f(&d, &err), -1);
	assert_string_equal(err.msg, message);
}

static void test_bad_indexes(void **state)
{
	static const char *const table[][2] = {
		{INDEX(ENTRY(A, ON("linux", "s390x")) "," ENTRY(B, ON_V("linux", "arm64", "v8"))),
			"x: there is none for linux/amd64; there is: linux/s390x, linux/arm64/v8"},
		{INDEX(""), "x: there is none for linux/amd64; there is: nothing"},
		{INDEX(ENTRY(A, "") "," ENTRY(B, "")), "x: there is none for linux/amd64; there is: nothing"},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_INDEX "\",\"digest\":\"sha256:" A "\",\"size\":7}"),
			"x: manifests: entry 1: an index in an index"},
		{INDEX("{\"mediaType\":\"" TYPE_DOCKER_INDEX "\",\"digest\":\"sha256:" A
		       "\",\"size\":7" ON("linux", "amd64") "}"),
			"x: manifests: entry 1: an index in an index"},
		{INDEX("7"), "x: manifests: entry 1: expected an object"},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha512:" A A "\",\"size\":7}"),
			"x: manifests: entry 1: digest: a SHA-512 digest, kiln keeps images by SHA-256 only"},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"md5:12\",\"size\":7}"),
			"x: manifests: entry 1: digest: expected sha256: and 64 hex digits, found \"md5:12\""},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:../../x\",\"size\":7}"),
			"x: manifests: entry 1: digest: expected sha256: and 64 hex digits, found \"sha256:../../x\""},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" A "\",\"size\":4194305}"),
			"x: manifests: entry 1: size: expected 1 to 4194304, found 4194305"},
		{INDEX("{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" A "\",\"size\":-1}"),
			"x: manifests: entry 1: size: expected an integer of at least 0, found -1"},
		{INDEX("{\"mediaType\":\"text/html\",\"digest\":\"sha256:" A "\",\"size\":7}"),
			"x: manifests: entry 1: mediaType: \"text/html\" is none of an image"},
		{INDEX(ENTRY(A, ",\"platform\":[]")), "x: manifests: entry 1: platform: expected an object"},
		{INDEX(ENTRY(A, ",\"platform\":{\"os\":\"linux\"}")),
			"x: manifests: entry 1: platform: os and architecture are missing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refused(choose, doc(table[i][0]), table[i][1]);
}

static void test_bad_documents(void **state)
{
	static const char *const table[][3] = {
		{"[]", NULL, "x: expected an object"},
		{"{\"schemaVersion\":2", NULL, "x:1:18: '}' expected near end of file"},
		{"{\"a\":1,\"a\":2}", NULL, "x:1:10: duplicate object key near '\"a\"'"},
		{"{}", NULL, "x: schemaVersion: expected an integer, found nothing"},
		{"{\"schemaVersion\":1}", NULL,
			"x: a manifest of Docker's schema 1, which no registry should serve any more"},
		{"{\"schemaVersion\":3}", NULL, "x: schemaVersion: expected 2, found 3"},
		{"{\"schemaVersion\":2,\"mediaType\":\"text/html\"}", NULL,
			"x: neither a manifest nor an index: its type is \"text/html\""},
		{"{\"schemaVersion\":2,\"mediaType\":7}", NULL, "x: mediaType: expected a string, found an integer"},
		{"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL,
			"x: it has \"manifests\" and \"layers\": index and manifest at once"},
		{"{\"schemaVersion\":2,\"layers\":[]}", TYPE_OCI_INDEX,
			"x: its type is \"" TYPE_OCI_INDEX "\", and it has no \"manifests\""},
		{INDEX(""), TYPE_OCI_MANIFEST,
			"x: it says it is \"" TYPE_OCI_INDEX "\", and came as \"" TYPE_OCI_MANIFEST "\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct document d = doc(table[i][0]);
		d.type = table[i][1];
		refused(kind, d, table[i][2]);
	}
	char deep[100];
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = 0;
	refused(kind, doc(deep), "x:1:33: nested more than 32 deep");
	_cleanup_free_ char *huge = xcalloc(DOCUMENT_MAX + 2, 1);
	memset(huge, ' ', DOCUMENT_MAX + 1);
	refused(kind, doc(huge), "x: more than 4.0 MiB");
}

static void test_bad_manifests(void **state)
{
	static const char *const table[][2] = {
		{MANIFEST("\"layers\":[]"), "x: config: expected an object, found nothing"},
		{MANIFEST(CONFIG ",\"layers\":[]"), "x: it has no layers"},
		{MANIFEST(CONFIG ",\"layers\":{}"), "x: layers: expected an array, found an object"},
		{MANIFEST("\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"},\"layers\":[]"),
			"x: no container image: its config is of type \"application/vnd.cncf.helm.config.v1+json\""},
		{MANIFEST(CONFIG ",\"layers\":[" LAYER(OCI_LAYER, A, "9007199254740992") "]"),
			"x: layers: entry 1: size: expected 1 to 9007199254740991, found 9007199254740992"},
		{MANIFEST(CONFIG ",\"layers\":[" LAYER(OCI_LAYER, A, "1e3") "]"),
			"x: layers: entry 1: size: expected an integer, found a number with a fraction"},
		{MANIFEST(CONFIG ",\"layers\":[" LAYER(OCI_LAYER, A, "0") "]"),
			"x: layers: entry 1: size: expected 1 to 9007199254740991, found 0"},
		{MANIFEST(
			 CONFIG ",\"layers\":[" LAYER(OCI_LAYER, A, "1") "," LAYER(OCI_LAYER "+encrypted", B, "1") "]"),
			"x: layers: entry 2: an encrypted layer (\"" OCI_LAYER "+encrypted\")"},
		{MANIFEST(CONFIG ",\"layers\":[" LAYER(
			 "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", A, "1") "]"),
			"x: layers: entry 1: a layer that is not in the registry "
			"(\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\")"},
		{MANIFEST(CONFIG
			 ",\"layers\":[" LAYER("application/vnd.oci.image.layer.nondistributable.v1.tar", A, "1") "]"),
			"x: layers: entry 1: a layer that is not in the registry "
			"(\"application/vnd.oci.image.layer.nondistributable.v1.tar\")"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refused(read_manifest, doc(table[i][0]), table[i][1]);
	_cleanup_strbuf_ struct strbuf many = STRBUF_INIT;
	strbuf_adds(&many, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
	for (int i = 0; i < 501; i++)
		strbuf_addf(&many, "%s7", i ? "," : "");
	strbuf_adds(&many, "]}");
	refused(read_manifest, doc(many.s), "x: 501 layers, at most 500 can be stacked");
}

#define CONF(os, arch, ids)                                                                                            \
	"{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" ids "]}}"

static void test_bad_configs(void **state)
{
	static const char *const table[][2] = {
		{"{}", "x: os: expected a string, found nothing"},
		{CONF("windows", "amd64", ""), "x: the image is for windows/amd64, wanted is linux/amd64"},
		{CONF("linux", "arm64", ""), "x: the image is for linux/arm64, wanted is linux/amd64"},
		{CONF("linux", "amd64", "\"sha256:" A "\""), "x: rootfs: 1 diff ids for 2 layers"},
		{CONF("linux", "amd64", "\"sha256:" A "\",7"), "x: rootfs: diff_ids: entry 2: expected a string"},
		{CONF("linux", "amd64", "\"sha256:" A "\",\"" B "\""),
			"x: rootfs: diff_ids: expected sha256: and 64 hex digits, found \"" B "\""},
		{"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\"}}",
			"x: rootfs: diff_ids: expected an array, found nothing"},
		{"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{}}",
			"x: rootfs: its type is not \"layers\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refused(read_config, doc(table[i][0]), table[i][1]);
}

/* Manifest and config make a pin; written and read back it is the same. */
static void test_pins(void **state)
{
	static const char manifest[] = "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_DOCKER_MANIFEST
				       "\",\"config\":{\"mediaType\":\"" TYPE_DOCKER_CONFIG "\",\"digest\":\"sha256:" C
				       "\",\"size\":100},\"layers\":[" LAYER(TYPE_DOCKER_LAYER ".gzip", A,
					       "10") "," LAYER(OCI_LAYER "+zstd", B, "9007199254740991") "]}";
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct image_pin pin = {.manifest = {.digest = A, .size = sizeof manifest - 1, .type = TYPE_DOCKER_MANIFEST}},
			 again;
	struct document m = doc(manifest), c = doc(CONF("linux", "amd64", "\"sha256:" B "\",\"sha256:" C "\""));

	(void)state;
	if (manifest_read(&m, &arena, &pin, &err) < 0 || config_read(&c, platform_of("amd64"), &arena, &pin, &err) < 0)
		fail_msg("%s", err.msg);
	_cleanup_json_ json_t *j = pin_json(&pin);
	if (pin_read(j, NULL, &arena, &again, &err) < 0)
		fail_msg("%s", err.msg);
	_cleanup_json_ json_t *k = pin_json(&again);
	assert_true(json_equal(j, k));
	assert_int_equal(again.n_layers, 2);
	assert_string_equal(again.layers[1].diff_id, C);
	assert_string_equal(again.layers[0].blob.type, TYPE_DOCKER_LAYER ".gzip");
	assert_int_equal(again.layers[1].blob.size, 9007199254740991);
	json_object_set_new(j, "layer", json_null());
	assert_int_equal(pin_read(j, NULL, &arena, &again, &err), -1);
	assert_string_equal(err.msg, "unknown key \"layer\"");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chooses),
		cmocka_unit_test(test_bad_indexes),
		cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_bad_manifests),
		cmocka_unit_test(test_bad_configs),
		cmocka_unit_test(test_pins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
