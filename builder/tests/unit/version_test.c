/* Debian's order of versions, compared with dpkg's own where that is here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "deb/version.h"
#include <cmocka.h>

/* From the earliest to the latest; in a row the same. */
static const char *const order[][3] = {{"~~"}, {"~"}, {"0", "0:0", "00-0"}, {"0-0.1"}, {"0.1"}, {"1~~"}, {"1~rc1"},
	{"1", "1-0", "0:01"}, {"1-1~bpo1"}, {"1-1", "01-01"}, {"1-1+b1"}, {"1-1.1"}, {"1a"}, {"1a1"}, {"1+dfsg"},
	{"1.0~"}, {"1.0", "1.00"}, {"1.0a"}, {"1.2"}, {"1.10"}, {"1.99999999999999999999998"},
	{"1.99999999999999999999999"}, {"3.5.4-1~deb13u1"}, {"3.5.4-1"}, {"3.5.4-1+deb13u1"}, {"10"}, {"1:0"},
	{"1:1.0-1"}, {"2:0.1"}};

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < ARRAY_SIZE(order); k++)
			for (size_t m = 0; m < 3 && order[i][m]; m++)
				for (size_t n = 0; n < 3 && order[k][n]; n++)
					if (sign(deb_version_compare(order[i][m], order[k][n])) != (i > k) - (i < k))
						fail_msg("%s and %s", order[i][m], order[k][n]);
}

/* dpkg says whether the relation that kiln sees holds, for every version and the next one. */
static void as_dpkg(void **state)
{
	_cleanup_free_ char *dpkg = proc_which("dpkg");

	(void)state;
	if (!dpkg)
		skip();
	for (size_t i = 2; i < ARRAY_SIZE(order); i++) /* those before do not begin with a digit: it warns */
		for (size_t k = i; k < ARRAY_SIZE(order) && k < i + 4; k++)
			for (size_t m = 0; m < 3 && order[k][m]; m++) {
				int d = deb_version_compare(order[i][0], order[k][m]);
				const char *argv[] = {dpkg, "--compare-versions", order[i][0],
					d < 0	? "lt"
					: d > 0 ? "gt"
						: "eq",
					order[k][m], NULL};
				_cleanup_err_ struct err err = ERR_INIT;
				if (proc_run(argv, &(struct proc_opts){0}, &err) != 0)
					fail_msg("%s %s %s: %s", order[i][0], argv[3], order[k][m], err.msg);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(as_dpkg)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
