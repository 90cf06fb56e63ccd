#include "base/mem.h"
#include "base/path.h"
#include "tree/session.h"
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 20, MAX_ID = 65535 };

/* Read by hand: the C library would load name service modules of the tree into kiln. */
int users_id(const char *file, const char *name, unsigned *id, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	uint64_t n;

	if (str_to_u64(name, &n)) {
		if (n > MAX_ID)
			return err_set(err, ERR_CONFIG, "owner %s is not within 0 to %d", name, MAX_ID);
		*id = (unsigned)n;
		return 0;
	}
	_cleanup_free_ char *text = path_read(file, FILE_MAX_BYTES, NULL, err);
	if (!text)
		return -1;
	str_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_strvec_ struct strvec f = STRVEC_INIT;
		size_t len = strcspn(lines.v[i], ":");
		if (strlen(name) != len || strncmp(lines.v[i], name, len) != 0)
			continue;
		/* name:password:id... - the password may be empty, which str_split would swallow */
		const char *colon = strchr(lines.v[i] + len + (lines.v[i][len] == ':'), ':');
		str_split(&f, colon ? colon + 1 : "", ":");
		if (f.n && str_to_u64(f.v[0], &n) && n <= MAX_ID) {
			*id = (unsigned)n;
			return 0;
		}
	}
	err_set(err, ERR_CONFIG, "%s has no entry \"%s\"", file, name);
	return err_hint(err, "give a number, or the package that makes this name");
}
