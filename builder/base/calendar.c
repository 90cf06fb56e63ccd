#include "base/calendar.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One part of a date or a time. */
struct part {
	const char *name;
	unsigned from, to;
};
static const struct part year = {"year", 1970, 2199}, month = {"month", 1, 12}, day = {"day", 1, 31},
			 hour = {"hour", 0, 23}, minute = {"minute", 0, 59}, second = {"second", 0, 59};

struct reader {
	const char *at;
	char *why;
};

static bool wrong(struct reader *r, const char *text, size_t n, const char *what)
{
	snprintf(r->why, CALENDAR_WHY, "'%.*s' %s", n > 24 ? 24 : (int)n, text, what);
	return false;
}

static bool number(struct reader *r, const struct part *p, unsigned from, unsigned to, unsigned *ret)
{
	const char *begin = r->at;
	size_t n = strspn(begin, "0123456789");
	*ret = 0;
	for (size_t i = 0; i < n && n <= 4; i++)
		*ret = *ret * 10 + (unsigned)(begin[i] - '0');
	r->at += n;
	if (n && n <= 4 && *ret >= from && *ret <= to)
		return true;
	char what[64];
	snprintf(what, sizeof what, "is no %s from %u to %u", p->name, from, to);
	return wrong(r, begin, n ? n : strcspn(begin, " "), what);
}

/* "5", "1..5", "0/15", "8..18/2"; all that it means, as bits above p->from. */
static bool item(struct reader *r, const struct part *p, uint64_t *bits)
{
	const char *begin = r->at;
	unsigned first, last, step = 0;
	if (!number(r, p, p->from, p->to, &first))
		return false;
	last = first;
	if (strncmp(r->at, "..", 2) == 0) {
		r->at += 2;
		if (!number(r, p, p->from, p->to, &last))
			return false;
		if (last < first)
			return wrong(r, begin, (size_t)(r->at - begin), "ends before it begins");
		step = 1;
	}
	if (*r->at == '/') {
		unsigned end = step ? last : p->to;
		r->at++;
		const char *every = r->at;
		if (!number(r, p, 0, p->to, &step))
			return false;
		if (!step || first + step > end)
			return wrong(r, every, (size_t)(r->at - every), "does not come to a second time");
		last = end;
	}
	for (unsigned i = first; i <= last; i += step ? step : 1)
		if (i - p->from < 64)
			*bits |= UINT64_C(1) << (i - p->from);
	return true;
}

static bool part(struct reader *r, const struct part *p, uint64_t *bits)
{
	*bits = 0;
	if (*r->at == '*') {
		r->at++;
		*bits = UINT64_MAX;
		return true;
	}
	for (;;) {
		if (!item(r, p, bits))
			return false;
		if (*r->at != ',')
			return true;
		r->at++;
	}
}

static bool expect(struct reader *r, char c, const char *what)
{
	if (*r->at != c)
		return wrong(r, r->at, strlen(r->at), what);
	r->at++;
	return true;
}

/* There is a 29th of February in some years, and never a 31st of April. */
static bool comes(struct reader *r, const char *begin, uint64_t months, uint64_t days)
{
	static const unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (unsigned m = 0; m < 12; m++)
		if (months >> m & 1 && days & ((UINT64_C(1) << lengths[m]) - 1))
			return true;
	return wrong(r, begin, strcspn(begin, " "), "is on no calendar");
}

static bool date(struct reader *r)
{
	uint64_t years, months, days;
	const char *begin = r->at;
	/* with a year there are two "-" */
	const char *dash = strchr(begin, '-'), *end = begin + strcspn(begin, " ");
	bool has_year = dash && memchr(dash + 1, '-', (size_t)(end - dash - 1));
	if (has_year && (!part(r, &year, &years) || !expect(r, '-', "is no date: YEAR-MONTH-DAY or MONTH-DAY")))
		return false;
	return part(r, &month, &months) && expect(r, '-', "is no date: YEAR-MONTH-DAY or MONTH-DAY") &&
	       part(r, &day, &days) && comes(r, begin, months, days);
}

static bool clock_time(struct reader *r)
{
	uint64_t bits;
	if (!part(r, &hour, &bits) || !expect(r, ':', "is no time: HOUR:MINUTE or HOUR:MINUTE:SECOND") ||
		!part(r, &minute, &bits))
		return false;
	if (*r->at != ':')
		return true;
	r->at++;
	return part(r, &second, &bits);
}

static bool weekday(struct reader *r, int *ret)
{
	static const char *const names[] = {
		"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
	size_t n = strspn(r->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	for (int i = 0; i < 7; i++)
		if ((n == 3 || n == strlen(names[i])) && strncasecmp(r->at, names[i], n) == 0) {
			r->at += n;
			*ret = i;
			return true;
		}
	return wrong(r, r->at, n ? n : strcspn(r->at, " "), "is no day of the week, such as Mon");
}

static bool weekdays(struct reader *r)
{
	for (;;) {
		int first, last;
		const char *begin = r->at;
		if (!weekday(r, &first))
			return false;
		last = first;
		if (strncmp(r->at, "..", 2) == 0) {
			r->at += 2;
			if (!weekday(r, &last))
				return false;
		}
		if (last < first)
			return wrong(
				r, begin, (size_t)(r->at - begin), "ends before it begins: a week is Mon..Sun here");
		if (*r->at != ',')
			return true;
		r->at++;
	}
}

static bool is_word(const char *text, size_t n)
{
	static const char *const words[] = {"minutely", "hourly", "daily", "weekly", "monthly", "quarterly",
		"semiannually", "yearly", "annually", NULL};
	for (const char *const *w = words; *w; w++)
		if (strlen(*w) == n && strncmp(text, *w, n) == 0)
			return true;
	return false;
}

/* The next of the three, in their order; `*done` counts them. */
static bool field(struct reader *r, int *done)
{
	const char *begin = r->at;
	size_t n = strcspn(begin, " ");
	int which = memchr(begin, ':', n) ? 3 : memchr(begin, '-', n) ? 2 : 1;
	if (which <= *done)
		return wrong(r, begin, n, "is not expected here: days of the week, then a date, then a time");
	*done = which;
	if (!(which == 3 ? clock_time(r) : which == 2 ? date(r) : weekdays(r)))
		return false;
	return r->at == begin + n || wrong(r, r->at, n - (size_t)(r->at - begin), "is not understood");
}

bool calendar_check(const char *text, char why[CALENDAR_WHY])
{
	struct reader r = {.at = text, .why = why};
	int done = 0;
	size_t n = strcspn(text, " ");
	if (!*text || *text == ' ' || text[strlen(text) - 1] == ' ')
		return wrong(&r, text, strlen(text), "is empty, or has a space at an end");
	if (is_word(text, n)) {
		r.at += n;
		return !*r.at || strcmp(r.at, " UTC") == 0 || wrong(&r, r.at, strlen(r.at), "is not understood");
	}
	for (;;) {
		if (!field(&r, &done))
			return false;
		r.at += strspn(r.at, " ");
		if (!*r.at || strcmp(r.at, "UTC") == 0)
			return true;
	}
}
