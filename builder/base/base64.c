#include "base/base64.h"

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
