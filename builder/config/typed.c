#include "config/typed.h"
#include "base/str.h"
#include <regex.h>

/* regex(7), for the whole text. */
static int compile(const struct ynode *pattern, regex_t *re)
{
	_cleanup_free_ char *whole = xasprintf("^(%s)$", pattern->text);
	return regcomp(re, whole, REG_EXTENDED | REG_NOSUB);
}

int typed_check(const struct typed_def *t, struct err *err)
{
	regex_t re;
	char why[128];
	if (!t->pattern)
		return t->expects ? ynode_err(t->self, err, "expects: '%s' has no pattern", t->name) : 0;
	if (t->values.n)
		return ynode_err(t->pattern, err, "pattern: '%s' has `values:` already", t->name);
	if (strcmp(t->type, "string") != 0 && strcmp(t->type, "identifier") != 0 && strcmp(t->type, "list") != 0)
		return ynode_err(
			t->pattern, err, "pattern: '%s' is neither a string, an identifier nor a list", t->name);
	int r = compile(t->pattern, &re);
	if (r == 0) {
		regfree(&re);
		return 0;
	}
	regerror(r, &re, why, sizeof why);
	return ynode_err(t->pattern, err, "pattern: '%s': %s", t->pattern->text, why);
}

bool typed_matches(const struct typed_def *t, const char *text)
{
	regex_t re;
	if (!t->pattern || compile(t->pattern, &re) != 0)
		return true;
	bool fits = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return fits;
}

int secret_check(const struct secret_def *d, struct err *err)
{
	static const char *const made[] = {"certificate", "bytes", "encoding"};
	if (!d->given)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		const struct ynode *n = ynode_get(d->self, made[i]);
		if (n)
			return ynode_err(n, err, "%s: '%s' is given, not made", made[i], d->name);
	}
	if (d->show)
		return 0;
	ynode_err(d->self, err, "given: '%s': nobody can tell what is wanted", d->name);
	return err_hint(err, "say it with show: \"the password of ... at ...\"");
}
