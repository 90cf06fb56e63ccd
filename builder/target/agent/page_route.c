#include "target/agent/page.h"
#include <string.h>

static const struct {
	const char *path;
	bool outside, inside; /* which of the two ports has it */
	enum page_answer answer;
} places[] = {
	{"/", true, false, PAGE_DOCUMENT},
	{"/status.json", true, false, PAGE_STATUS},
	{"/sbom.spdx.json", true, false, PAGE_SBOM},
	{"/ca.crt", true, false, PAGE_CA},
	{"/healthz", true, true, PAGE_HEALTH},
	{"/metrics", false, true, PAGE_METRICS},
};

enum page_answer page_route(const char *method, const char *path, bool inside)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (str_eq(path, places[i].path) && (inside ? places[i].inside : places[i].outside))
			return str_eq(method, "GET") || str_eq(method, "HEAD") ? places[i].answer : PAGE_BAD_METHOD;
	return PAGE_NOT_FOUND;
}

bool page_in_group(const char *groups, const char *group)
{
	if (!*group)
		return true;
	size_t n = strlen(group);
	for (const char *p = groups; p && *p;) {
		size_t len = strcspn(p, ",");
		const char *next = p[len] ? p + len + 1 : NULL;
		while (len && *p == ' ')
			p++, len--;
		while (len && p[len - 1] == ' ')
			len--;
		if (len == n && memcmp(p, group, n) == 0)
			return true;
		p = next;
	}
	return false;
}
