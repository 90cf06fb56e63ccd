#include "plan/toml.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define MAX_DEPTH 32

struct toml {
	const char *p;
	unsigned line, depth;
	const char *problem;
};

static int fail(struct toml *t, const char *problem)
{
	if (!t->problem)
		t->problem = problem;
	return -1;
}

static void skip_blanks(struct toml *t)
{
	t->p += strspn(t->p, " \t");
}

/* Blanks, newlines and comments. */
static void skip_space(struct toml *t)
{
	for (;;) {
		skip_blanks(t);
		if (*t->p == '#')
			t->p += strcspn(t->p, "\n");
		if (*t->p == '\r' && t->p[1] == '\n')
			t->p++;
		if (*t->p != '\n')
			return;
		t->line++;
		t->p++;
	}
}

static int end_of_line(struct toml *t)
{
	skip_blanks(t);
	if (*t->p && !strchr("#\r\n", *t->p))
		return fail(t, "something follows the value");
	skip_space(t);
	return 0;
}

/* "...", '...' and their three-quote forms. */
static int string(struct toml *t)
{
	char quote = *t->p;
	size_t n = t->p[1] == quote && t->p[2] == quote ? 3 : 1;
	const char end[4] = {quote, n == 3 ? quote : '\0', n == 3 ? quote : '\0'};
	t->p += n;
	while (strncmp(t->p, end, n) != 0) {
		if (!*t->p || (*t->p == '\n' && n == 1))
			return fail(t, "a string without its end");
		if (*t->p == '\n')
			t->line++;
		if (*t->p == '\\' && quote == '"' && t->p[1]) {
			if (!strchr("btnfre\"\\uU \t\r\n", t->p[1]))
				return fail(t, "an unknown escape in a string");
			t->p++;
			if (*t->p == '\n')
				t->line++;
		}
		t->p++;
	}
	t->p += n;
	return 0;
}

static int key(struct toml *t)
{
	for (;;) {
		skip_blanks(t);
		size_t n = strspn(t->p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
		if (*t->p == '"' || *t->p == '\'') {
			if (string(t) < 0)
				return -1;
		} else if (!n) {
			return fail(t, "expected a key");
		}
		t->p += n;
		skip_blanks(t);
		if (*t->p != '.')
			return 0;
		t->p++;
	}
}

static int value(struct toml *t);

static int pair(struct toml *t)
{
	if (key(t) < 0)
		return -1;
	if (*t->p != '=')
		return fail(t, "expected '=' after a key");
	t->p++;
	return value(t);
}

/* [a, b,] over several lines, or {a = 1, b = 2} on one. */
static int sequence(struct toml *t, char end, int (*item)(struct toml *))
{
	if (++t->depth > MAX_DEPTH)
		return fail(t, "nested too deeply");
	t->p++;
	for (;;) {
		if (end == ']')
			skip_space(t);
		else
			skip_blanks(t);
		if (*t->p == end)
			break;
		if (item(t) < 0)
			return -1;
		if (end == ']')
			skip_space(t);
		else
			skip_blanks(t);
		if (*t->p != ',' && *t->p != end)
			return fail(t, end == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
		if (*t->p == ',')
			t->p++;
	}
	t->p++;
	t->depth--;
	return 0;
}

/* 1_000, 0xff, -1.5e3: what strtod and friends take, with single underscores between digits. */
static bool is_number(const char *s, size_t n)
{
	static const char digits[] = "0123456789_";
	const char *end = s + n;
	s += *s == '+' || *s == '-';
	if (s + 2 < end && s[0] == '0' && strchr("xob", s[1]))
		return s + 2 + strspn(s + 2, "0123456789abcdefABCDEF_") == end;
	size_t whole = strspn(s, digits);
	s += whole;
	if (whole && *s == '.') {
		size_t fraction = strspn(s + 1, digits);
		if (!fraction)
			return false;
		s += 1 + fraction;
	}
	if (whole && s < end && (*s == 'e' || *s == 'E')) {
		s += 1 + (s[1] == '+' || s[1] == '-');
		size_t exponent = strspn(s, digits);
		s += exponent;
		whole = exponent;
	}
	return whole && s == end;
}

/* 1979-05-27, 07:32:00.5, 1979-05-27T07:32:00Z. */
static bool is_date(const char *s, size_t n)
{
	bool begins = strspn(s, "0123456789") == 4 && s[4] == '-';
	begins |= strspn(s, "0123456789") == 2 && s[2] == ':';
	return begins && strspn(s, "0123456789-:.+TtZz") >= n;
}

/* Numbers, dates, true, false, inf, nan. */
static int bare(struct toml *t)
{
	static const char *const words[] = {"true", "false", "inf", "nan", "+inf", "-inf", "+nan", "-nan"};
	size_t n = strspn(t->p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.:");
	bool ok = is_number(t->p, n) || is_date(t->p, n);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		ok |= strlen(words[i]) == n && !strncmp(words[i], t->p, n);
	t->p += n;
	return ok ? 0 : fail(t, "expected a value (texts are quoted)");
}

static int value(struct toml *t)
{
	skip_blanks(t);
	switch (*t->p) {
	case '"':
	case '\'':
		return string(t);
	case '[':
		return sequence(t, ']', value);
	case '{':
		return sequence(t, '}', pair);
	default:
		return bare(t);
	}
}

static int table(struct toml *t)
{
	size_t n = t->p[1] == '[' ? 2 : 1;
	t->p += n;
	if (key(t) < 0)
		return -1;
	if (strncmp(t->p, n == 2 ? "]]" : "]", n) != 0)
		return fail(t, "a table's name without its ']'");
	t->p += n;
	return 0;
}

int toml_check(const char *text, unsigned *ret_line, const char **ret_problem)
{
	struct toml t = {.p = text, .line = 1};
	skip_space(&t);
	while (*t.p) {
		int r = *t.p == '[' ? table(&t) : pair(&t);
		if (r < 0 || end_of_line(&t) < 0) {
			*ret_line = t.line;
			*ret_problem = t.problem;
			return -1;
		}
	}
	return 0;
}
