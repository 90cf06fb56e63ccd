/* Text from outside, made fit to be shown and stored. */
#include "base/str.h"
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Length of the escape sequence that begins with ESC at s: CSI to its final byte, OSC and the like to their end. */
static size_t escape_len(const char *s)
{
	size_t n = 2;

	if (s[1] == '[') {
		while (s[n] >= 0x20 && s[n] < 0x40)
			n++;
		return s[n] >= 0x40 && s[n] < 0x7f ? n + 1 : n;
	}
	if (s[1] && strchr("]P^_X", s[1])) {
		while (s[n] && s[n] != '\a' && s[n] != '\n' && s[n] != 0x1b)
			n++;
		return s[n] == 0x1b && s[n + 1] == '\\' ? n + 2 : s[n] == '\a' ? n + 1 : n;
	}
	n = 1;
	while (s[n] >= 0x20 && s[n] < 0x30)
		n++;
	return s[n] >= 0x30 && s[n] < 0x7f ? n + 1 : n;
}

/* Length of the character at s when it is one that may stay, else 0 (RFC 3629; XML 1.0, 2.2). */
static size_t char_len(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		unsigned long min;
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	if (s[0] < 0x80)
		return s[0] == '\t' || s[0] == '\n' || (s[0] >= 0x20 && s[0] != 0x7f);
	for (size_t i = 0; i < 3; i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		unsigned long c = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k <= i + 1; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3f);
		}
		bool fits = c >= forms[i].min && c >= 0xa0 && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) &&
			    c != 0xfffe && c != 0xffff;
		return fits ? i + 2 : 0;
	}
	return 0;
}

void strbuf_add_plain(struct strbuf *b, const char *s)
{
	while (*s) {
		if (*s == 0x1b) {
			s += escape_len(s);
			continue;
		}
		size_t n = char_len((const unsigned char *)s);
		if (n)
			strbuf_add(b, s, n);
		else
			strbuf_adds(b, REPLACEMENT);
		s += n ? n : 1;
	}
}
