/* How much of the time counts under the kernel's pressure figures. */
#include "base/mem.h"
#include "target/agent/patience.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void share_of_time(void **state)
{
	static const struct {
		const char *text;
		unsigned share;
	} cases[] = {
		{"some avg10=0.00 avg60=5.00 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
			10},
		{"some avg10=9.99 avg60=0.00 avg300=0.00 total=1\n", 10},
		{"some avg10=10.00 avg60=0.00 avg300=0.00 total=1\n", 9},
		{"some avg10=55.50 avg60=0.00 avg300=0.00 total=1\n", 5},
		{"some avg10=89.99 avg60=0.00 avg300=0.00 total=1\n", 2},
		{"some avg10=99.11 avg60=98.94 avg300=98.06 total=3457648298\n", 1},
		{"some avg10=100.00 avg60=98.94 avg300=98.06 total=3457648298\n", 1},
		{"", 10},
		{"some avg10=", 10},
		{"something else", 10},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(patience_share(cases[i].text), cases[i].share);
}

static void counted_time_is_no_longer_than_time(void **state)
{
	(void)state;
	uint64_t a = patience_ms(), b = patience_ms();
	assert_true(b >= a && b - a < 60000);
	assert_true(patience_stretch(1000) >= 1000 && patience_stretch(1000) <= 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_of_time),
		cmocka_unit_test(counted_time_is_no_longer_than_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
