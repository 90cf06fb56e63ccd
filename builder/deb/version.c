#include "deb/version.h"
#include <stddef.h>
#include <string.h>

/* A piece of a version. */
struct piece {
	const char *p, *end;
};

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters before other characters, a tilde before all, even the end. */
static int weight(const struct piece *v)
{
	unsigned char c = v->p < v->end ? (unsigned char)*v->p : 0;

	if (!c || is_digit((char)c))
		return 0;
	if (c == '~')
		return -1;
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? c : c + 256;
}

/* The numbers that both begin with; none is zero. Nothing is converted: they may be of any length. */
static int compare_numbers(struct piece *a, struct piece *b)
{
	int first = 0;

	while (a->p < a->end && *a->p == '0')
		a->p++;
	while (b->p < b->end && *b->p == '0')
		b->p++;
	for (;; a->p++, b->p++) {
		int more = a->p < a->end && is_digit(*a->p), other = b->p < b->end && is_digit(*b->p);
		if (!more || !other)
			return more != other ? more - other : first;
		if (!first)
			first = *a->p - *b->p;
	}
}

/* By turns what are no digits, by weight, and numbers. */
static int compare_pieces(struct piece a, struct piece b)
{
	while (a.p < a.end || b.p < b.end) {
		while ((a.p < a.end && !is_digit(*a.p)) || (b.p < b.end && !is_digit(*b.p))) {
			int d = weight(&a) - weight(&b);
			if (d)
				return d;
			a.p++;
			b.p++;
		}
		int d = compare_numbers(&a, &b);
		if (d)
			return d;
	}
	return 0;
}

/* Epoch, upstream's version, revision; what is missing is empty, and so zero. */
static void split(const char *s, struct piece out[3])
{
	const char *colon = strchr(s, ':'), *end = s + strlen(s);
	const char *begin = colon ? colon + 1 : s, *dash = strrchr(begin, '-');

	out[0] = (struct piece){s, colon ? colon : s};
	out[1] = (struct piece){begin, dash ? dash : end};
	out[2] = (struct piece){dash ? dash + 1 : end, end};
}

int deb_version_compare(const char *a, const char *b)
{
	struct piece x[3], y[3];
	int d = 0;

	split(a, x);
	split(b, y);
	for (size_t i = 0; d == 0 && i < 3; i++)
		d = compare_pieces(x[i], y[i]);
	return d;
}
