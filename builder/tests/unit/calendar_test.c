/* What is taken for a calendar, and that systemd takes all of it. */
#include "base/calendar.h"
#include "base/proc.h"
#include "base/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const good[] = {"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually",
	"yearly", "annually", "daily UTC", "*-*-* 03:00:00", "03:00", "3:0", "*:0/15", "*:*", "*:*:0/30", "08..18:30",
	"8..18/2:00", "0,12:00", "23:59:59", "0..0:00", "Mon", "mon..Fri", "Sat,Sun 04:30",
	"Monday..wednesday,Sun *-*-1..7 05:00", "Mon  03:00", "*-*-01", "*-*-31", "*-1/3-1 00:00", "1-1", "*-*",
	"02-29", "*-2,4-30", "2027-12-31 23:00", "2024..2030/2-*-1", "*-*-* 03:00 UTC", "Sun UTC", "5/9:5/5", "*:45/14",
	NULL};
static const struct {
	const char *text, *why;
} bad[] = {
	{"", "'' is empty, or has a space at an end"},
	{" 03:00", "' 03:00' is empty, or has a space at an end"},
	{"03:00 ", "'03:00 ' is empty, or has a space at an end"},
	{"nightly", "'nightly' is no day of the week, such as Mon"},
	{"Daily", "'Daily' is no day of the week, such as Mon"},
	{"daily 03:00", "' 03:00' is not understood"},
	{"3", "'3' is no day of the week, such as Mon"},
	{"24:00", "'24' is no hour from 0 to 23"},
	{"3:60", "'60' is no minute from 0 to 59"},
	{"3:00:60", "'60' is no second from 0 to 59"},
	{"3:00:00.5", "'.5' is not understood"},
	{"3:00:00:00", "':00' is not understood"},
	{"3:", "'' is no minute from 0 to 59"},
	{":30", "':30' is no hour from 0 to 23"},
	{"003:00000", "'00000' is no minute from 0 to 59"},
	{"-1:00", "'-1:00' is no hour from 0 to 23"},
	{"*/2:00", "'/2:00' is no time: HOUR:MINUTE or HOUR:MINUTE:SECOND"},
	{"*:*/2", "'/2' is not understood"},
	{"3:0/0", "'0' does not come to a second time"},
	{"3:0/60", "'60' is no minute from 0 to 59"},
	{"3:50/20", "'20' does not come to a second time"},
	{"8..10/5:00", "'5' does not come to a second time"},
	{"18..8:00", "'18..8' ends before it begins"},
	{"8..:00", "':00' is no hour from 0 to 23"},
	{"8,:00", "':00' is no hour from 0 to 23"},
	{"0-1", "'0' is no month from 1 to 12"},
	{"13-1", "'13' is no month from 1 to 12"},
	{"*-*-32", "'32' is no day from 1 to 31"},
	{"*-*-0", "'0' is no day from 1 to 31"},
	{"1969-1-1", "'1969' is no year from 1970 to 2199"},
	{"*-*-*-*", "'-*' is not understood"},
	{"*-02-30", "'*-02-30' is on no calendar"},
	{"*-4,6,9,11-31 03:00", "'*-4,6,9,11-31' is on no calendar"},
	{"*-*~1", "'~1' is not understood"},
	{"Mo", "'Mo' is no day of the week, such as Mon"},
	{"Mond", "'Mond' is no day of the week, such as Mon"},
	{"Mon,", "'' is no day of the week, such as Mon"},
	{"Mon..", "'' is no day of the week, such as Mon"},
	{"Fri..Mon", "'Fri..Mon' ends before it begins: a week is Mon..Sun here"},
	{"03:00 Mon", "'Mon' is not expected here: days of the week, then a date, then a time"},
	{"03:00 *-*-*", "'*-*-*' is not expected here: days of the week, then a date, then a time"},
	{"03:00 04:00", "'04:00' is not expected here: days of the week, then a date, then a time"},
	{"03:00 Europe/Berlin", "'Europe/Berlin' is not expected here: days of the week, then a date, then a time"},
	{"UTC", "'UTC' is no day of the week, such as Mon"},
	{"@1700000000", "'@1700000000' is no day of the week, such as Mon"},
	{"*-*-* 03:00:00\n", "'\n' is not understood"},
	{"*-*-* 03:00:00\nExecStart=x", "'\nExecStart=x' is not understood"},
};

static void taken_or_not(void **state)
{
	char why[CALENDAR_WHY];
	(void)state;
	for (const char *const *t = good; *t; t++)
		if (!calendar_check(*t, why))
			fail_msg("%s: %s", *t, why);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (calendar_check(bad[i].text, why))
			fail_msg("'%s' is taken", bad[i].text);
		assert_string_equal(why, bad[i].why);
	}
}

static bool systemd_takes(const char *const *texts, size_t n, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	strvec_add(&argv, "systemd-analyze");
	strvec_add(&argv, "calendar");
	strvec_add(&argv, "--");
	for (size_t i = 0; i < n; i++)
		strvec_add(&argv, texts[i]);
	return proc_run((const char *const *)argv.v, &(struct proc_opts){.capture = &out}, err) == 0;
}

/* Texts from pieces that are likely to come out right, and some that are likely not to. */
static void made(uint64_t *seed, struct strbuf *b)
{
	static const char *const pieces[] = {"*", "*", "1", "12", "0", "31", "29", "59", "60", "2027", "1..5", "0/15",
		"3,7", "..", "/", ",", "-", "-", "-", ":", ":", ":", " ", " ", "Mon", "Sat,Sun", "Mon..Fri", "*-*-*",
		"03:00", "02-30", " UTC", "daily"};
	b->len = 0;
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	for (uint64_t n = 1 + (*seed >> 33) % 8; n > 0; n--) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		strbuf_addf(b, "%s", pieces[(*seed >> 33) % (sizeof pieces / sizeof *pieces)]);
	}
}

static void systemd_takes_all(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_strvec_ struct strvec taken = STRVEC_INIT;
	const char *const known[] = {"daily", NULL};
	uint64_t seed = 7;
	char why[CALENDAR_WHY];
	(void)state;
	if (!systemd_takes(known, 1, &err))
		skip();
	for (const char *const *t = good; *t; t++)
		strvec_add(&taken, *t);
	for (size_t i = 0; i < 200000; i++) {
		made(&seed, &b);
		if (calendar_check(strbuf_cstr(&b), why))
			strvec_add(&taken, strbuf_cstr(&b));
	}
	assert_true(taken.n > 1000);
	for (size_t i = 0; i < taken.n; i += 500) {
		size_t n = taken.n - i < 500 ? taken.n - i : 500;
		if (!systemd_takes((const char *const *)taken.v + i, n, &err))
			fail_msg("%s", err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(taken_or_not), cmocka_unit_test(systemd_takes_all)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
