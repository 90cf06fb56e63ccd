/* Images in the user's directory: made once, left alone while nobody touched them, and made again when somebody did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "casefile.h"
#include "steps/output.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static struct appliance appliance;
static const struct lock lock = {.arch = "amd64", .suite = "trixie", .epoch = 1763900000};
static struct image_steps image;
static struct step esp = {.dir = (char *)"esp"}, root = {.dir = (char *)"root"}, store = {.dir = (char *)"store"};

static void put(const char *path, size_t size, char fill)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_dir(path), *data = xmalloc(size);

	memset(data, fill, size);
	assert_int_equal(path_mkdirs(dir, &err), 0);
	assert_int_equal(path_write(path, data, size, 0644, &err), 0);
}

static struct casefile_dir enter(void)
{
	struct casefile_dir d = casefile_enter();

	put("esp/esp", 1 << 20, 'e');
	put("root/root.squashfs", 1 << 16, 'r');
	put("root/verity", 4096, 'v');
	put("root/hash", 64, 'a');
	put("store/store.squashfs", 1 << 16, 's');
	put("store/verity", 4096, 'w');
	put("store/hash", 64, 'b');
	memset(esp.key, '1', 64);
	memset(root.key, '2', 64);
	memset(store.key, '3', 64);
	appliance = (struct appliance){.name = (char *)"box", .arch = (char *)"amd64"};
	image = (struct image_steps){.a = &appliance, .esp = &esp, .root = &root, .store = &store};
	return d;
}

/* Make it, expect it taken as it is or made, with these bytes. Returns their hash. */
static void make(bool cached, char sum[HASH_HEX])
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct output_spec spec = {
		.a = &appliance, .l = &lock, .image = &image, .version = "20260101.abcdef", .out = "out"};
	_cleanup_json_ json_t *list = output_make(&spec, &err);

	if (!list)
		fail_msg("%s", err.msg);
	json_t *raw = json_array_get(list, 0);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(raw, "path")), "out/box.raw");
	assert_int_equal(json_is_true(json_object_get(raw, "cached")), cached);
	assert_int_equal(hash_file("out/box.raw", sum, &err), 0);
}

static void test_touched(void **state)
{
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	char first[HASH_HEX], sum[HASH_HEX];

	(void)state;
	make(false, first);
	make(true, sum);
	assert_string_equal(sum, first);

	struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	assert_int_equal(utimensat(AT_FDCWD, "out/box.raw", now, 0), 0);
	make(false, sum); /* as a machine does that is booted from it */
	assert_string_equal(sum, first);

	int fd = open("out/box.raw", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "touched", 7, 1 << 20), 7);
	close(fd);
	make(false, sum);
	assert_string_equal(sum, first);

	struct stat st;
	assert_int_equal(stat("out/box.raw", &st), 0);
	assert_int_equal(path_copy("out/box.raw", "out/other", 0644, &err), 0);
	struct timespec same[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(utimensat(AT_FDCWD, "out/other", same, 0), 0);
	assert_int_equal(rename("out/other", "out/box.raw"), 0);
	make(false, sum); /* another file of its size and time */
	make(true, sum);

	assert_int_equal(unlink("out/box.raw"), 0);
	make(false, sum);
	assert_string_equal(sum, first);
	casefile_leave(&d);
}

static void test_inputs(void **state)
{
	struct casefile_dir d = enter();
	char first[HASH_HEX], sum[HASH_HEX];

	(void)state;
	make(false, first);
	store.key[0] = 'x';
	make(false, sum);
	make(true, sum);
	appliance.slot_root = UINT64_C(64) << 20;
	make(false, sum);
	assert_string_not_equal(sum, first);
	make(true, sum);
	casefile_leave(&d);
}

/* What the images are made of stands beside them, under the same rule. */
static void test_sbom(void **state)
{
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct stat first, now;
	char sum[HASH_HEX], made[HASH_HEX], again[HASH_HEX];

	(void)state;
	make(false, sum);
	assert_int_equal(hash_file("out/box.spdx.json", made, &err), 0);
	assert_int_equal(stat("out/box.spdx.json", &first), 0);
	make(true, sum);
	assert_int_equal(stat("out/box.spdx.json", &now), 0);
	assert_int_equal(now.st_ino, first.st_ino);

	_cleanup_json_ json_t *doc = json_read("out/box.spdx.json", 1 << 20, &err);
	const json_t *box = json_array_get(json_object_get(doc, "packages"), 0);
	const json_t *root_hash = json_array_get(json_object_get(box, "externalRefs"), 0);
	assert_string_equal(json_string_value(json_object_get(box, "versionInfo")), "20260101.abcdef");
	assert_int_equal(strspn(json_string_value(json_object_get(root_hash, "referenceLocator")), "a"), 64);

	assert_int_equal(path_write("out/box.spdx.json", "{}", 2, 0644, &err), 0);
	make(true, sum);
	assert_int_equal(hash_file("out/box.spdx.json", again, &err), 0);
	assert_string_equal(again, made);
	store.key[0] = 'y';
	put("root/hash", 64, 'c');
	make(false, sum);
	assert_int_equal(hash_file("out/box.spdx.json", again, &err), 0);
	assert_string_not_equal(again, made);
	casefile_leave(&d);
}

static void test_record(void **state)
{
	static const char *const records[] = {
		"", "{", "[]", "null", "{\"box.raw\": 7}", "{\"box.raw\": {\"key\": \"\"}}"};
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	char first[HASH_HEX], sum[HASH_HEX];

	(void)state;
	make(false, first);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		assert_int_equal(path_write("out/.box.kiln.json", records[i], strlen(records[i]), 0644, &err), 0);
		make(false, sum);
		assert_string_equal(sum, first);
		make(true, sum);
	}
	casefile_leave(&d);
}

static void test_failure(void **state)
{
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct output_spec spec = {.a = &appliance, .l = &lock, .image = &image, .version = "1", .out = "out"};

	(void)state;
	assert_int_equal(unlink("store/store.squashfs"), 0);
	assert_null(output_make(&spec, &err));
	assert_non_null(strstr(err.msg, "disk image out/box.raw: "));
	assert_non_null(strstr(err.msg, "store/store.squashfs"));
	assert_false(path_exists("out/box.raw"));
	assert_false(path_exists("out/.box.kiln.json"));
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_touched), cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_sbom), cmocka_unit_test(test_record), cmocka_unit_test(test_failure)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
