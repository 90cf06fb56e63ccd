#include "base/mem.h"
#include "base/path.h"
#include "deb/status.h"
#include "tree/session.h"
#include <string.h>

#define DPKG "/var/lib/dpkg"
enum { TEXT_MAX = 256 << 20 };

/* A file of the tree, "" when it is not there. */
static char *read_or_empty(const char *path, struct err *err)
{
	return path_exists(path) ? path_read(path, TEXT_MAX, NULL, err) : xstrdup("");
}

static int write_status(const struct session *s, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *old = read_or_empty(DPKG "/status", err);

	if (!old)
		return -1;
	strbuf_adds(&out, old);
	for (size_t i = 0; i < s->l->pkgs.n; i++) {
		const struct package *p = &s->l->pkgs.v[i];
		_cleanup_free_ char *member = xasprintf(DPKG "/info/%s.conffiles", p->info);
		_cleanup_strvec_ struct strvec conffiles = STRVEC_INIT;
		if (p->by_dpkg)
			continue;
		if (status_conffiles(member, "", &conffiles, err) < 0)
			return err_wrap(err, "package %s", p->name);
		status_add(&out, p->control, "install ok unpacked", &conffiles);
	}
	return path_write(DPKG "/status", strbuf_cstr(&out), out.len, 0644, err);
}

/* Who is interested: triggers/File for paths, triggers/NAME for others. */
static int write_interests(const struct session *s, struct strbuf *files, struct err *err)
{
	for (size_t i = 0; i < s->l->pkgs.n; i++) {
		const struct package *p = &s->l->pkgs.v[i];
		_cleanup_free_ char *member = xasprintf(DPKG "/info/%s.triggers", p->info);
		struct trigger_list t = {0};
		if (p->by_dpkg || !path_exists(member))
			continue;
		_cleanup_free_ char *text = path_read(member, TEXT_MAX, NULL, err);
		if (!text)
			return -1;
		triggers_parse(text, &t);
		int rc = 0;
		for (size_t k = 0; rc == 0 && k < t.interests.n; k++) {
			const struct trigger_interest *in = &t.interests.v[k];
			const char *suffix = in->noawait ? "/noawait" : "";
			if (*in->name == '/') {
				strbuf_addf(files, "%s %s%s\n", in->name, p->info, suffix);
				continue;
			}
			_cleanup_free_ char *path = xasprintf(DPKG "/triggers/%s", in->name);
			_cleanup_free_ char *old = strchr(in->name, '/') ? NULL : read_or_empty(path, err);
			_cleanup_free_ char *all = xasprintf("%s%s%s\n", old ? old : "", p->info, suffix);
			rc = old ? path_write(path, all, strlen(all), 0644, err)
				 : err_set(err, ERR_VERIFY, "package %s: malformed trigger %s", p->name, in->name);
		}
		triggers_release(&t);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* The files that were just put into place trigger those interested, as if dpkg had unpacked them. */
static int write_triggers(const struct session *s, struct err *err)
{
	_cleanup_strbuf_ struct strbuf files = STRBUF_INIT, touched = STRBUF_INIT;
	_cleanup_strvec_ struct strvec seen = STRVEC_INIT;
	_cleanup_free_ char *old = read_or_empty(DPKG "/triggers/File", err);

	if (!old)
		return -1;
	strbuf_adds(&files, old);
	if (write_interests(s, &files, err) < 0 ||
		path_write(DPKG "/triggers/File", strbuf_cstr(&files), files.len, 0644, err) < 0)
		return -1;
	for (size_t i = 0; i < s->l->pkgs.n; i++) {
		const struct package *p = &s->l->pkgs.v[i];
		_cleanup_free_ char *path = xasprintf(DPKG "/info/%s.list", p->info);
		if (p->by_dpkg)
			continue;
		_cleanup_free_ char *list = path_read(path, TEXT_MAX, NULL, err);
		if (!list)
			return -1;
		triggers_touched(strbuf_cstr(&files), list, &seen, &touched);
	}
	return path_write(DPKG "/triggers/Unincorp", strbuf_cstr(&touched), touched.len, 0644, err);
}

int database_write(const struct session *s, struct err *err)
{
	static const char *const dirs[] = {
		DPKG "/info", DPKG "/updates", DPKG "/triggers", DPKG "/parts", DPKG "/alternatives"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (path_mkdirs(dirs[i], err) < 0)
			return -1;
	if (path_write(DPKG "/info/format", "1\n", 2, 0644, err) < 0)
		return -1;
	if (!path_exists(DPKG "/available") && path_write(DPKG "/available", "", 0, 0644, err) < 0)
		return -1;
	return write_status(s, err) < 0 || write_triggers(s, err) < 0 ? -1 : 0;
}

int database_check(struct err *err)
{
	struct control_file f;
	_cleanup_strvec_ struct strvec bad = STRVEC_INIT;
	_cleanup_free_ char *text = read_or_empty(DPKG "/status", err);

	if (!text || control_parse(text, strlen(text), DPKG "/status", &f, err) < 0)
		return -1;
	for (size_t i = 0; i < f.paras.n; i++) {
		const char *state = control_get(&f.paras.v[i], "Status");
		if (!str_eq(state, "install ok installed"))
			strvec_addf(&bad, "%s (%s)", control_get(&f.paras.v[i], "Package"), state ? state : "no state");
	}
	control_release(&f);
	if (!bad.n)
		return 0;
	_cleanup_free_ char *names = strvec_join(&bad, ", ");
	return err_set(err, ERR_TOOL, "packages are not configured: %s", names);
}
