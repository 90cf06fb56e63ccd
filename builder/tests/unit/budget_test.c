/* The disk's budget: what the plan counts is what the layout makes; what does not fit is refused, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "disk/layout.h"
#include "lock/lock.h"
#include "plan/appliance.h"
#include <cmocka.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define HASH "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210"

static const struct image_sizes built = {.root = 95 * MIB + 17, .store = 324 * MIB};

static uint64_t count(const struct appliance *a, const struct image_sizes *sizes)
{
	_cleanup_err_ struct err err = ERR_INIT;
	uint64_t n = 0;

	if (appliance_disk(a, sizes, &n, &err) < 0)
		fail_msg("%s", err.msg);
	return n;
}

static void refuse(const struct appliance *a, const struct image_sizes *sizes, const char *msg, const char *hint)
{
	_cleanup_err_ struct err err = ERR_INIT;
	uint64_t n;

	assert_int_equal(appliance_disk(a, sizes, &n, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

/* The disk that the layout plans, and /var behind it. */
static void test_as_the_layout(void **state)
{
	static const uint64_t slots[][2] = {{0, 0}, {1024 * MIB, 2048 * MIB + 1}, {0, 400 * MIB}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct appliance a = {.slot_root = slots[i][0], .slot_store = slots[i][1]};
		struct layout_want w = {.arch = "amd64",
			.label = "x",
			.key = "x",
			.root_hash = HASH,
			.store_hash = HASH,
			.root = built.root,
			.store = built.store,
			.slot_root = slots[i][0],
			.slot_store = slots[i][1]};
		struct layout l;
		assert_int_equal(layout_plan(&w, &l, &err), 0);
		assert_true(count(&a, &built) == l.size + 256 * MIB);
		a.disk_data = 5000 * MIB;
		assert_true(count(&a, &built) == l.size + 5000 * MIB);
	}
}

static void test_limits(void **state)
{
	struct appliance a = {.machine_at = "p.yaml:3:10", .slots_at = "p.yaml:2:8"};
	struct image_sizes least = built;

	(void)state;
	a.machine_disk = count(&a, &built);
	assert_true(count(&a, &built) == a.machine_disk);
	a.machine_disk = 1024 * MIB;
	refuse(&a, &built, "p.yaml:3:10: machine: disk: 1.5 GiB are needed, the machine has 1.0 GiB",
		"root twice 258 MiB, store twice 872 MiB, boot partition 192 MiB, data 256 MiB: give the machine a "
		"larger disk, or "
		"leave services out");
	least.least = true;
	refuse(&a, &least, "p.yaml:3:10: machine: disk: at least 1.5 GiB are needed, the machine has 1.0 GiB",
		"root twice 258 MiB, store twice 872 MiB, boot partition 192 MiB, data 256 MiB: give the machine a "
		"larger disk, or "
		"leave services out");
	a.slot_store = 300 * MIB; /* not what the machine has: the slot */
	refuse(&a, &built, "p.yaml:2:8: slots: store: its content takes 324 MiB, the slot has 300 MiB",
		"make the slot larger, or leave it out: then it is as large as the content and a third");
	a.machine_disk = 0;
	a.slot_store = 0;
	a.disk_data = INT64_MAX - 10;
	_cleanup_err_ struct err err = ERR_INIT;
	uint64_t n;
	assert_int_equal(appliance_disk(&a, &built, &n, &err), -1);
	assert_string_equal(err.msg, "disk: the sum is beyond all machines");
}

/* Of a lock: the OS, and of the images each package once; the tools are not in the image. */
static void test_of_a_lock(void **state)
{
	struct lock_package p[] = {
		{.key = "a", .installed = 600}, {.key = "b", .installed = 6000}, {.key = "c", .installed = 60}};
	const struct lock_package *all[] = {&p[0], &p[1], &p[2]};
	struct lock_set sets[] = {{"base", all, 1}, {"image/s/x", all + 1, 1}, {"image/s/y", all + 1, 1},
		{"os", all + 2, 1}, {"tools", all, 3}};
	struct lock l = {.packages = {p, 3}, .sets = {sets, 5}};

	(void)state;
	struct image_sizes s = lock_image_sizes(&l);
	assert_true(s.least);
	assert_int_equal(s.root, 10 * 1024);
	assert_int_equal(s.store, 1100 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_layout), cmocka_unit_test(test_limits), cmocka_unit_test(test_of_a_lock)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
