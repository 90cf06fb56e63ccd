/* What the texts of a lock may be: none of them leads out of where it is used. */
#include "base/str.h"
#include "lock/lock_part.h"
#include <ctype.h>
#include <string.h>

static bool only_of(const char *s, const char *more)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(more, *s))
			return false;
	return true;
}

bool lock_is_hex64(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* A relative path of plain names, that stays below where it starts. */
static bool is_plain_path(const char *s)
{
	for (const char *p = s;; p++) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)p[i] <= ' ' || p[i] == '\\' || p[i] == 0x7f)
				return false;
		p += n;
		if (!*p)
			return true;
	}
}

bool lock_is_uri(const char *s)
{
	size_t n = strlen(s);

	if (!str_starts(s, "http://") && !str_starts(s, "https://") && !str_starts(s, "file:/"))
		return false;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"'\\<>@", *p))
			return false;
	return s[n - 1] != '/' && !strstr(s, "/..");
}

bool lock_is_arch(const char *s)
{
	return only_of(s, "-") && *s != '-';
}
bool lock_is_suite(const char *s)
{
	return only_of(s, "-._+") && isalnum((unsigned char)*s);
}
bool lock_is_component(const char *s)
{
	return only_of(s, "-._/+") && is_plain_path(s);
}
bool lock_is_version(const char *s)
{
	return only_of(s, ".+~:-") && isalnum((unsigned char)*s);
}
bool lock_is_deb_path(const char *s)
{
	return is_plain_path(s) && str_ends(s, ".deb");
}
bool lock_is_set_id(const char *s)
{
	return only_of(s, "/-._") && is_plain_path(s);
}

/* Debian policy 5.6.1: at least two of a-z 0-9 + - . with a letter or digit first; then the architecture. */
bool lock_is_key(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	return n >= 2 && isalnum((unsigned char)*s) && s[n] == ':' && lock_is_arch(s + n + 1);
}

bool lock_is_image_name(const char *s)
{
	return strlen(s) < 600 && only_of(s, "/:.@_-[]");
}
bool lock_is_line(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return *s != 0;
}
