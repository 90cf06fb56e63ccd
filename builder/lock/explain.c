#include "lock/explain.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

/* The kind of error, by apt's words (LC_ALL=C.UTF-8). */
static const struct {
	const char *text;
	enum err_kind kind;
} marks[] = {
	{"GPG error", ERR_VERIFY},
	{"OpenPGP signature verification failed", ERR_VERIFY},
	{"is not signed", ERR_VERIFY},
	{"signatures couldn't be verified", ERR_VERIFY},
	{"Hash Sum mismatch", ERR_VERIFY},
	{"unexpected size", ERR_VERIFY},
	{"is expired", ERR_VERIFY},
	{"is not valid yet", ERR_VERIFY},
	{"Clearsigned file isn't valid", ERR_VERIFY},
	{"No space left on device", ERR_IO},
	{"Could not connect", ERR_NETWORK},
	{"Temporary failure resolving", ERR_NETWORK},
	{"Could not resolve", ERR_NETWORK},
	{"Connection failed", ERR_NETWORK},
	{"Connection timed out", ERR_NETWORK},
	{"Failed to fetch", ERR_NETWORK},
	{"does not have a Release file", ERR_NETWORK},
	{"Unable to locate package", ERR_RESOLVE},
	{"has no installation candidate", ERR_RESOLVE},
	{"Unable to correct problems", ERR_RESOLVE},
	{"Unable to satisfy dependencies", ERR_RESOLVE},
	{"Packages need to be removed", ERR_RESOLVE},
};

static enum err_kind kind_of(const char *said)
{
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(said, marks[i].text))
			return marks[i].kind;
	return ERR_TOOL;
}

/* The indented lines that follow the one containing `mark`, blanks squeezed; at most eight. */
static void indented_after(struct strvec *ret, const char *said, const char *mark)
{
	const char *at = strstr(said, mark);

	for (at = at ? strchr(at, '\n') : NULL; at && at[1] == ' ' && ret->n < 8; at = strchr(at + 1, '\n')) {
		_cleanup_strvec_ struct strvec words = STRVEC_INIT;
		_cleanup_free_ char *line = xstrndup(at + 1, strcspn(at + 1, "\n"));
		str_split(&words, line, " \t\r");
		strvec_take(ret, strvec_join(&words, " "));
	}
}

/* "E: ..." and warnings about signatures. */
static void complaints(struct strvec *ret, const char *said)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	str_split(&lines, said, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i];
		bool error = str_starts(line, "E: "),
		     warning = str_starts(line, "W: ") &&
			       (strstr(line, "GPG error") || strstr(line, "OpenPGP signature"));
		if ((error || warning) && ret->n < 4 && !strvec_has(ret, line + 3))
			strvec_add(ret, line + 3);
	}
}

static int explain_virtual(const char *said, struct err *err)
{
	static const char mark[] = " is a virtual package provided by:";
	_cleanup_strvec_ struct strvec providers = STRVEC_INIT;
	const char *at = strstr(said, mark), *start = at;

	if (!at)
		return 0;
	while (start > said && start[-1] != '\n' && start[-1] != ' ')
		start--;
	indented_after(&providers, said, mark);
	_cleanup_free_ char *names = strvec_join(&providers, ", ");
	err_set(err, ERR_RESOLVE, "\"%.*s\" is a virtual package, provided by %s", (int)(at - start), start, names);
	return err_hint(err, "ask for one of these by its name");
}

int apt_explain(const char *program, const char *said, struct err *err)
{
	_cleanup_strvec_ struct strvec unmet = STRVEC_INIT, removed = STRVEC_INIT, lines = STRVEC_INIT;
	enum err_kind kind = kind_of(said);

	if (explain_virtual(said, err) < 0)
		return -1;
	indented_after(&unmet, said, "have unmet dependencies:");
	if (unmet.n) {
		_cleanup_free_ char *text = strvec_join(&unmet, "; ");
		return err_set(err, ERR_RESOLVE, "these dependencies cannot be met: %s", text);
	}
	indented_after(&removed, said, "will be REMOVED:");
	if (removed.n && kind == ERR_RESOLVE) {
		_cleanup_free_ char *text = strvec_join(&removed, " ");
		return err_set(err, ERR_RESOLVE, "this would remove %s of the tree below", text);
	}
	complaints(&lines, said);
	if (!lines.n)
		return 0;
	_cleanup_free_ char *text = strvec_join(&lines, "; ");
	return err_set(err, kind, "%s: %s", program, text);
}
