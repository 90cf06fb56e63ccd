#include "disk/guid.h"
#include "base/hash.h"
#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool guid_parse(const char *text, struct guid *ret)
{
	bool dashes = strlen(text) == GUID_TEXT - 1;
	struct guid g = {0};
	unsigned n = 0;

	if (!dashes && strlen(text) != 32)
		return false;
	for (size_t i = 0; text[i]; i++) {
		if (dashes && (i == 8 || i == 13 || i == 18 || i == 23)) {
			if (text[i] != '-')
				return false;
			continue;
		}
		int d = digit(text[i]);
		if (d < 0)
			return false;
		g.b[n / 2] = (uint8_t)(g.b[n / 2] << 4 | d);
		n++;
	}
	*ret = g;
	return true;
}

void guid_format(const struct guid *g, char text[GUID_TEXT])
{
	size_t n = 0;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		snprintf(text + n, 3, "%02x", g->b[i]);
		n += 2;
	}
}

void guid_to_disk(const struct guid *g, uint8_t disk[16])
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (int i = 0; i < 16; i++)
		disk[i] = g->b[order[i]];
}

struct guid guid_derive(const char *key, const char *what)
{
	struct hash *h = hash_new();
	uint8_t raw[32];
	struct guid g;

	hash_field(h, "kiln guid");
	hash_field(h, key);
	hash_field(h, what);
	hash_end_raw(h, raw);
	memcpy(g.b, raw, sizeof g.b);
	g.b[6] = (uint8_t)((g.b[6] & 0x0f) | 0x80);
	g.b[8] = (uint8_t)((g.b[8] & 0x3f) | 0x80);
	return g;
}
