#include "base/str.h"
#include "base/mem.h"
#include <string.h>

static void grow(struct strbuf *b, size_t extra)
{
	if (b->cap - b->len > extra)
		return;
	size_t want = b->len + extra + 1;
	size_t cap = b->cap ? b->cap * 2 : 64;
	b->cap = cap < want ? want : cap;
	b->s = xrealloc(b->s, b->cap);
}

void strbuf_add(struct strbuf *b, const void *data, size_t n)
{
	grow(b, n);
	if (n)
		memcpy(b->s + b->len, data, n);
	b->len += n;
	b->s[b->len] = 0;
}

void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_adds(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	grow(b, (size_t)n);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(b, fmt, ap);
	va_end(ap);
}

void strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = 0;
}

const char *strbuf_cstr(const struct strbuf *b)
{
	return b->s ? b->s : "";
}

char *strbuf_steal(struct strbuf *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = STRBUF_INIT;
	return s;
}

void strbuf_release(struct strbuf *b)
{
	free(b->s);
	*b = STRBUF_INIT;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

/* A decimal number with an optional fraction of up to three digits, in thousandths; *end is the rest. */
static bool thousandths(const char *s, uint64_t *ret, const char **end)
{
	uint64_t v = 0;
	unsigned digits = 0, frac = 0;

	for (; *s >= '0' && *s <= '9'; s++, digits++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	if (!digits || __builtin_mul_overflow(v, 1000, &v))
		return false;
	if (*s == '.') {
		uint64_t unit = 100;
		for (s++; *s >= '0' && *s <= '9'; s++, frac++, unit /= 10)
			if (__builtin_add_overflow(v, (uint64_t)(*s - '0') * unit, &v))
				return false;
		if (!frac || frac > 3)
			return false;
	}
	*ret = v;
	*end = s;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static bool with_unit(const char *s, const struct unit *units, uint64_t *ret)
{
	uint64_t v;
	const char *rest;

	if (!thousandths(s, &v, &rest))
		return false;
	for (; units->name; units++) {
		if (strcmp(rest, units->name) != 0)
			continue;
		__extension__ unsigned __int128 wide = (unsigned __int128)v * units->factor;
		if (wide % 1000 || wide / 1000 > INT64_MAX)
			return false;
		*ret = (uint64_t)(wide / 1000);
		return true;
	}
	return false;
}

bool str_to_bytes(const char *s, uint64_t *ret)
{
	static const struct unit units[] = {
		{"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40}, {NULL, 0}};

	return with_unit(s, units, ret);
}

bool str_to_ms(const char *s, uint64_t *ret)
{
	static const struct unit units[] = {
		{"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

	return with_unit(s, units, ret);
}

const char *str_bytes(uint64_t n)
{
	static _Thread_local char ring[8][24];
	static _Thread_local unsigned next;
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	char *out = ring[next++ % 8];
	unsigned u = 0;
	double v = (double)n;

	for (; v >= 1024 && u + 1 < ARRAY_SIZE(names); u++)
		v /= 1024;
	snprintf(out, sizeof ring[0], u && v < 100 ? "%.1f %s" : "%.0f %s", v, names[u]);
	return out;
}

/* Damerau-Levenshtein, restricted (optimal string alignment); words over 64 bytes count as far. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[3][66];

	if (n > 64 || m > 64)
		return 1000;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);
			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (cur[j - 1] + 1 < best)
				best = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			cur[j] = best;
		}
	}
	return row[n % 3][m];
}

const char *str_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	unsigned limit = (unsigned)strlen(word) / 3 + 1, least = limit + 1;

	for (; *names; names++) {
		unsigned d = distance(word, *names);
		if (d < least && d < strlen(word)) { /* sharing no letter is not near */
			least = d;
			best = *names;
		}
	}
	return best;
}
