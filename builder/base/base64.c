#include "base/base64.h"
#include <string.h>

void base64_add(struct strbuf *out, const void *data, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;

	while (n) {
		size_t take = n < 3 ? n : 3;
		uint32_t w = (uint32_t)p[0] << 16 | (take > 1 ? (uint32_t)p[1] << 8 : 0) | (take > 2 ? p[2] : 0);
		char four[4] = {digits[w >> 18], digits[w >> 12 & 63], take > 1 ? digits[w >> 6 & 63] : '=',
			take > 2 ? digits[w & 63] : '='};
		strbuf_add(out, four, sizeof four);
		p += take;
		n -= take;
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct strbuf *out, const char *s)
{
	for (; *s; s += 4) {
		uint32_t w = 0;
		size_t n = 0;
		for (; n < 4 && digit(s[n]) >= 0; n++)
			w = w << 6 | (uint32_t)digit(s[n]);
		/* The last group may have one or two "=", and no bits that are left over. */
		if (n < 4 && (n < 2 || strspn(s + n, "=") != 4 - n || s[4]))
			return false;
		w <<= 6 * (4 - n);
		if ((n == 2 && (w & 0xffff)) || (n == 3 && (w & 0xff)))
			return false;
		const char bytes[3] = {(char)(w >> 16), (char)(w >> 8), (char)w};
		strbuf_add(out, bytes, n - 1);
	}
	return true;
}
