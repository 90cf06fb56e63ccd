/* What commands left in derived images: found in the cache by what the appliance asks for, and told from what a bundle
 * brought. */
#include "oci/upstream.h"
#include "scratch.h"
#include "steps/carried.h"
#include "steps/upstream.h"
#include "upstreamfix.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH 1700000000

static struct cache *cache;

static int setup(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;

	return scratch_setup(state) < 0 ? -1 : cache_open(scratch_path("cache"), NULL, &cache, &err);
}

static int teardown(void **state)
{
	cache_close(cache);
	return scratch_teardown(state);
}

static const struct derived_spec with_command = {.command = {(const char *[]){"a", NULL}, 1}};
static const struct derived_spec other_command = {.command = {(const char *[]){"b", NULL}, 1}};
static const struct derived_spec files_alone;
static struct container containers[] = {
	{.service = "s", .base = "z", .instance = 1, .upstream = "x", .image = "image-z", .derived = &with_command},
	{.service = "s", .base = "f", .instance = 1, .upstream = "x", .image = "image-f", .derived = &files_alone},
	{.service = "s", .base = "a", .instance = 1, .upstream = "x", .image = "image-a", .derived = &with_command},
	{.service = "s", .base = "a", .instance = 2, .upstream = "x", .image = "image-a", .derived = &with_command},
	{.service = "s", .base = "p", .instance = 1, .upstream = "x", .image = "x"},
};

static int find(const char *arch, struct carried *ret, struct err *err)
{
	struct appliance a = {.containers = {containers, ARRAY_SIZE(containers)}};
	struct lock_image image = {.name = "x", .source = "x", .pin.config.digest = "c"};
	struct lock l = {.arch = arch, .epoch = EPOCH, .images = {&image, 1}};

	return carried_find(&a, &l, cache, ret, err);
}

static void commands_are_found_in_the_cache(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_carried_ struct carried m = {0}, then = {0}, never = {0};
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	char hex[HASH_HEX];

	(void)state;
	assert_int_equal(find("amd64", &m, &err), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(strncmp(m.v[0].step, "derived-s-a-", 12), 0);
	assert_int_equal(strlen(m.v[0].step), 12 + 32);
	assert_int_equal(strncmp(m.v[1].step, "derived-s-z-", 12), 0);
	assert_string_equal(m.v[0].image, "image-a");
	assert_false(m.v[0].there || m.v[1].there);
	assert_null(carried_text(&m));

	/* One of them is made, as its step does. */
	up_lines(&tar, "f x=x");
	up_end(&tar);
	hash_bytes(tar.s, tar.len, hex);
	const char *to = scratch_path(arena_printf(&scratch_arena, "cache/steps/%s", m.v[1].step));
	const char *file = arena_printf(&scratch_arena, "%s/layer.tar", to);
	struct upstream_layer layer = {
		.path = file, .digest = hex, .size = tar.len, .diff_size = tar.len, .diff_id = hex, .index = to};
	assert_int_equal(path_mkdirs(to, &err), 0);
	assert_int_equal(path_write(file, tar.s, tar.len, 0644, &err), 0);
	assert_int_equal(upstream_index(&layer, &err), 0);
	assert_int_equal(find("amd64", &then, &err), 0);
	assert_false(then.v[0].there);
	assert_true(then.v[1].there);
	assert_string_equal(then.v[1].hex, hex);
	assert_int_equal(then.v[1].size, tar.len);
	_cleanup_free_ char *list = carried_text(&then);
	assert_string_equal(list,
		arena_printf(&scratch_arena, "{\n  \"%s\": {\n    \"sha256\": \"%s\",\n    \"size\": %zu\n  }\n}\n",
			m.v[1].step, hex, tar.len));

	/* Another command is another layer. */
	containers[0].derived = &other_command;
	assert_int_equal(find("amd64", &never, &err), 0);
	containers[0].derived = &with_command;
	assert_string_not_equal(never.v[1].step, m.v[1].step);
	assert_false(never.v[1].there);
	carried_release(&never);

	/* A record that is none. */
	assert_int_equal(path_write(arena_printf(&scratch_arena, "%s/layer.json", to), "{}", 2, 0644, &err), 0);
	assert_int_equal(find("amd64", &never, &err), -1);
	assert_string_equal(
		err.msg, arena_printf(&scratch_arena, "%s/layer.json: diff_id: expected a string, found nothing", to));
	assert_string_equal(err.hint, "\"kiln cache verify\" drops what is damaged; the next build makes it again");
	assert_int_equal(never.n, 0);
}

#define KEY "0123456789abcdef0123456789abcdef"
#define STEP_A "derived-app-a-" KEY
#define HEX64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void list_refused(const char *list, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct carried got = {0};

	assert_int_equal(carried_parse(list, strlen(list), &got, &err), -1);
	assert_string_equal(err.msg, text);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_int_equal(got.n, 0);
}

static void lists(void **state)
{
	static const char good[] = "{\n  \"%s\": {\n    \"sha256\": \"" HEX64 "\",\n    \"size\": 1024\n  }\n}\n";
	static const char *const bad[] = {"../../canary", "derived-a-b", "tree-os-" KEY, "derived-" KEY,
		"derived-a/../b-" KEY, "derived-a-b-" KEY "0", "derived-A-b-" KEY, "derived-a-b0123456789abcdef" KEY,
		"", "derived-a-b-0123456789abcdef0123456789abcdeF", "derived-\\u001b[2J-" KEY};

	(void)state;
	list_refused("{", "derived:1:1: string or '}' expected near end of file");
	list_refused("[]", "derived: expected an object");
	list_refused("[[[[[1]]]]]", "derived:1:5: nested more than 4 deep");
	list_refused("{}", "its list of derived layers is not as kiln writes it");
	list_refused("{\"" STEP_A "\": 1}", "derived: " STEP_A ": expected an object");
	list_refused("{\"" STEP_A "\": {}}", "derived: " STEP_A ": sha256: expected a string, found nothing");
	list_refused("{\"" STEP_A "\": {\"sha256\": \"../x\", \"size\": 1}}",
		"derived: " STEP_A ": sha256: expected 64 hexadecimal digits");
	list_refused("{\"" STEP_A "\": {\"sha256\": \"" HEX64 "\", \"size\": -1}}",
		"derived: " STEP_A ": size: expected an integer of at least 0, found -1");
	list_refused("{\"" STEP_A "\": {\"sha256\": \"" HEX64 "\", \"size\": 1}}",
		"its list of derived layers is not as kiln writes it");
	list_refused("{\"" STEP_A "\": {\"sha256\": \"" HEX64 "\", \"size\": 1}, \"" STEP_A "\": {}}",
		"derived:1:190: duplicate object key");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *list = xasprintf(good, bad[i]);
		const char *shown = strchr(bad[i], '\\') ? "derived--" KEY : bad[i];
		list_refused(list, arena_printf(&scratch_arena, "derived: \"%s\" is no derived layer's name", shown));
	}
}

static struct carried_layer layer(const char *step, const char *image, const char *hex)
{
	struct carried_layer l = {.step = (char *)step, .image = (char *)image, .there = hex != NULL};

	if (hex)
		memcpy(l.hex, hex, strlen(hex) + 1);
	return l;
}

static void what_was_brought_is_judged(void **state)
{
	struct carried_layer brought[] = {layer("s-1", NULL, "11"), layer("s-2", NULL, "22"), layer("s-9", NULL, "99")};
	struct carried_layer mine[] = {layer("s-1", "one", NULL), layer("s-2", "two", "22"),
		layer("s-3", "three", "33"), layer("s-4", "four", NULL)};
	struct carried b = {brought, ARRAY_SIZE(brought)}, m = {mine, ARRAY_SIZE(mine)};
	_cleanup_strvec_ struct strvec apart = STRVEC_INIT;
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(carried_judge(&b, &m, "/cache", &apart, &err), 0);
	assert_true(brought[0].wanted);
	assert_false(brought[1].wanted || brought[2].wanted);
	assert_int_equal(apart.n, 2);
	assert_string_equal(apart.v[0], "three");
	assert_string_equal(apart.v[1], "four");
	mine[1] = layer("s-2", "two", "23");
	assert_int_equal(carried_judge(&b, &m, "/cache", &apart, &err), -1);
	assert_string_equal(err.msg, "its layer of image two is another than /cache/steps/s-2");
	assert_string_equal(err.hint, "build with another cache (--cache DIR) to have the image of the bundle");
	assert_int_equal(err.kind, ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_are_found_in_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test(what_was_brought_is_judged),
	};
	return cmocka_run_group_tests_name("layers that commands left", tests, NULL, NULL);
}
