/* What a profile adds to the document of a lock: builder/tests/e2e/sbom.sh has the golden one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sbom/sbom.h"
#include <cmocka.h>
#include <string.h>

#define POSTGRES "docker.io/library/postgres:17"
#define POSTGRES_ID "SPDXRef-image-docker.io-library-postgres-17"

static size_t count(const json_t *doc, const char *from, const char *type, const char *to)
{
	size_t i, n = 0;
	json_t *r;

	json_array_foreach(json_object_get(doc, "relationships"), i, r)
	{
		n += str_eq(json_string_value(json_object_get(r, "spdxElementId")), from) &&
		     str_eq(json_string_value(json_object_get(r, "relationshipType")), type) &&
		     (!to || str_eq(json_string_value(json_object_get(r, "relatedSpdxElement")), to));
	}
	return n;
}

static void derived_images(void **state)
{
	static const struct derived_spec spec = {.id = "db/pg"};
	static struct container containers[] = {{.name = "pg-1",
							.image = "localhost/kiln/db/pg:kiln",
							.upstream = POSTGRES,
							.derived = &spec,
							.instance = 1},
		{.name = "pg-2",
			.image = "localhost/kiln/db/pg:kiln",
			.upstream = POSTGRES,
			.derived = &spec,
			.instance = 2},
		{.name = "app",
			.image = "localhost/kiln/own/app:kiln",
			.upstream = "localhost/kiln/own/app:kiln",
			.instance = 1}};
	struct appliance a = {.name = "box", .containers = {.v = containers, .n = ARRAY_SIZE(containers)}};
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock l = {0};

	(void)state;
	assert_int_equal(lock_read("builder/tests/golden/sbom/small.lock", &l, &err), 0);
	struct sbom_input in = {.l = &l, .name = "box"};
	_cleanup_json_ json_t *bare = sbom_make(&in);
	in.a = &a;
	_cleanup_json_ json_t *doc = sbom_make(&in);
	_cleanup_json_ json_t *again = sbom_make(&in);

	assert_true(json_equal(doc, again));
	assert_int_equal(count(bare, "SPDXRef-appliance", "CONTAINS", POSTGRES_ID), 1);
	/* Nobody runs it as it comes: it is what another is made from, which has its layers. */
	assert_int_equal(count(doc, "SPDXRef-appliance", "CONTAINS", POSTGRES_ID), 0);
	assert_int_equal(count(doc, "SPDXRef-appliance", "CONTAINS", "SPDXRef-image-localhost-kiln-db-pg-kiln"), 1);
	assert_int_equal(count(doc, "SPDXRef-image-localhost-kiln-db-pg-kiln", "GENERATED_FROM", POSTGRES_ID), 1);
	assert_int_equal(count(doc, "SPDXRef-image-localhost-kiln-db-pg-kiln", "CONTAINS", NULL), 2);
	assert_int_equal(count(doc, "SPDXRef-appliance", "CONTAINS", "SPDXRef-image-localhost-kiln-own-app-kiln"), 1);
	assert_int_equal(json_array_size(json_object_get(doc, "packages")),
		json_array_size(json_object_get(bare, "packages")) + 1);
}

static void models(void **state)
{
	static struct blob_ref blobs[] = {
		{.digest = "aa", .size = 1, .type = "weights"}, {.digest = "bb", .size = 1, .type = "license"}};
	static struct lock_model v[] = {{.name = "r.example/library/one:1",
						.source = "r.example/library/one:1",
						.pin = {.manifest = {.digest = "cc"}, .layers = blobs, .n_layers = 2}},
		{.name = "r.example/library/two:1",
			.source = "file:two.yaml",
			.pin = {.manifest = {.digest = "dd"}, .layers = blobs + 1, .n_layers = 1}}};
	struct lock l = {.arch = "amd64", .models = {.v = v, .n = ARRAY_SIZE(v)}};
	struct sbom_input in = {.l = &l, .name = "box"};
	_cleanup_json_ json_t *doc = sbom_make(&in);

	(void)state;
	assert_int_equal(count(doc, "SPDXRef-appliance", "CONTAINS", "SPDXRef-model-r.example-library-one-1"), 1);
	assert_int_equal(count(doc, "SPDXRef-model-r.example-library-one-1", "CONTAINS", NULL), 2);
	assert_int_equal(count(doc, "SPDXRef-model-r.example-library-two-1", "CONTAINS", "SPDXRef-blob-bb"), 1);
	size_t i, blobs_seen = 0;
	json_t *p;
	json_array_foreach(json_object_get(doc, "packages"), i, p)
	{
		blobs_seen += str_starts(json_string_value(json_object_get(p, "SPDXID")), "SPDXRef-blob-");
	}
	assert_int_equal(blobs_seen, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(derived_images), cmocka_unit_test(models)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
