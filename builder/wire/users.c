/* Users and groups of a container by the text of its passwd(5) and group(5). */
#include "base/str.h"
#include "wire/wire.h"

/* Field `want` (0-based) of the line whose first field is `name` and which has at least `want` + 1 fields. */
static char *field(const char *text, const char *name, unsigned want)
{
	size_t len = strlen(name);
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		const char *p = line;
		for (unsigned i = 0; i < want && p; i++) {
			p += strcspn(p, ":\n");
			p = *p == ':' ? p + 1 : NULL;
		}
		if (p)
			return xstrndup(p, strcspn(p, ":\n"));
	}
	return NULL;
}

static bool number(const char *text, uint32_t *ret)
{
	uint64_t n;
	if (!text || !str_to_u64(text, &n) || n >= UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

int wire_find_user(const char *passwd, const char *group_text, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	uint32_t u = 0, g = 0;
	if (owner && number(owner, &u)) {
		g = u;
	} else if (owner) {
		_cleanup_free_ char *u_text = field(passwd, owner, 2), *g_text = field(passwd, owner, 3);
		if (!number(u_text, &u) || !number(g_text, &g))
			return err_set(err, ERR_CONFIG, "no user \"%s\" in the container's /etc/passwd", owner);
	}
	if (group && !number(group, &g)) {
		_cleanup_free_ char *text = field(group_text, group, 2);
		if (!number(text, &g))
			return err_set(err, ERR_CONFIG, "no group \"%s\" in the container's /etc/group", group);
	}
	*uid = u;
	*gid = g;
	return 0;
}
