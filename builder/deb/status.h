/* Texts of dpkg's database (/var/lib/dpkg) for packages that were unpacked by kiln. The formats are dpkg's own, as
 * dpkg 1.22 reads them. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "deb/control.h"

/* A paragraph of `status`: the control fields, the state ("install ok unpacked"), and "PATH MD5" of the configuration
 * files. */
void status_add(struct strbuf *out, const struct control *c, const char *state, const struct strvec *conffiles);
/*
 * What status_add wants of a package: the paths in its `conffiles` member, each with the hash of that file under `root`
 * ("" is the running root). No such member: nothing.
 */
int status_conffiles(const char *member, const char *root, struct strvec *out, struct err *err);

/* What a package's `triggers` member says (deb-triggers(5)). */
struct trigger_interest {
	char *name; /* a trigger, or an absolute path */
	bool noawait;
};
struct trigger_list {
	VEC(struct trigger_interest) interests;
};
/* `text` of control/triggers. */
void triggers_parse(const char *text, struct trigger_list *out);
void triggers_release(struct trigger_list *t);
/*
 * Paths in which packages are interested, from the text of triggers/File ("PATH PACKAGE[/noawait]" lines): append to
 * `out` a line of triggers/Unincorp for each that `list` (a package's paths, one per line) touches and that is not in
 * `seen` yet.
 */
void triggers_touched(const char *file, const char *list, struct strvec *seen, struct strbuf *out);
