/*
 * Would another start choose another slot? systemd-boot counts the tries of an entry in its file name
 * (systemd.io/AUTOMATIC_BOOT_ASSESSMENT) and tells it in LoaderBootCountPath.
 */
#include "init.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

bool bootcount_parse(const char *path, unsigned *left, unsigned *done)
{
	const char *plus = strrchr(path, '+');
	char *end;

	if (!plus || plus[1] < '0' || plus[1] > '9')
		return false;
	*left = (unsigned)strtoul(plus + 1, &end, 10);
	*done = 0;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*done = (unsigned)strtoul(end + 1, &end, 10);
	return strcmp(end, ".efi") == 0;
}

bool bootcount_helps(const char *path, unsigned tries)
{
	unsigned left, done;

	if (!bootcount_parse(path, &left, &done))
		return false; /* a slot that once was healthy, or no boot loader: it would be chosen again */
	/* The name is the one after this try. None left and more done than there ever were: the last resort failed as
	 * well. */
	return left > 0 || done <= tries;
}

void loader_variable(const char *name, char *ret, size_t size)
{
	char path[200];
	size_t n = 0, len = 0;

	*ret = '\0';
	snprintf(path, sizeof path, "/sys/firmware/efi/efivars/%s-" LOADER_GUID, name);
	char *raw = slurp(path, &n);
	for (size_t i = 4; raw && i + 1 < n && len + 1 < size; i += 2) { /* after four bytes of attributes: UTF-16 */
		unsigned c = (uint8_t)raw[i] | (unsigned)(uint8_t)raw[i + 1] << 8;
		if (c == 0)
			break;
		ret[len++] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
	}
	ret[len] = '\0';
	free(raw);
}
