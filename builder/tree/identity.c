#include "tree/identity.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1 << 20, MAX_ID = 65535, FIELDS = 7 };

/* One line of passwd(5) or group(5), taken apart; empty fields count. */
struct line {
	char *copy, *field[FIELDS];
	size_t n;
};

static void line_release(struct line *l)
{
	free(l->copy);
}
#define _cleanup_line_ __attribute__((cleanup(line_release)))

static void line_split(struct line *l, const char *text)
{
	*l = (struct line){.copy = xstrdup(text)};
	for (char *p = l->copy; p && l->n < FIELDS;) {
		l->field[l->n++] = p;
		if ((p = strchr(p, ':')))
			*p++ = '\0';
	}
}

/* The lines of a file of the tree; none when there is no such file. Read by hand: the C library would load modules. */
static int read_lines(const char *path, struct strvec *lines, struct err *err)
{
	struct stat st;
	if (stat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode)) /* a FIFO would keep us waiting */
		return err_set(err, ERR_VERIFY, "%s is no regular file", path);
	_cleanup_free_ char *text = path_read(path, FILE_MAX_BYTES, NULL, err);
	if (!text)
		return -1;
	str_split(lines, text, "\n");
	return 0;
}

static bool id_of(const char *text, unsigned *ret)
{
	uint64_t n;
	if (!str_to_u64(text, &n) || n > MAX_ID)
		return false;
	*ret = (unsigned)n;
	return true;
}

/* The entry that is called `who` or, when that is a number, has it; false when there is none. */
static bool find_line(const struct strvec *lines, const char *who, struct line *ret)
{
	unsigned id, has;
	bool number = id_of(who, &id);
	for (size_t i = 0; i < lines->n; i++) {
		line_split(ret, lines->v[i]);
		if (ret->n > 2 && id_of(ret->field[2], &has) && (number ? has == id : str_eq(ret->field[0], who)))
			return true;
		line_release(ret);
	}
	*ret = (struct line){0};
	return false;
}

static int find_group(const char *group, gid_t *ret, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	_cleanup_line_ struct line l = {0};
	unsigned id;
	if (id_of(group, &id)) {
		*ret = id;
		return 0;
	}
	if (read_lines("/etc/group", &lines, err))
		return -1;
	if (!find_line(&lines, group, &l) || !id_of(l.field[2], &id))
		return err_set(err, ERR_CONFIG, "the image has no group \"%s\"", group);
	*ret = id;
	return 0;
}

static int add_groups(const char *name, struct identity *to, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	if (read_lines("/etc/group", &lines, err))
		return -1;
	for (size_t i = 0; i < lines.n && to->n_groups < IDENTITY_GROUPS; i++) {
		_cleanup_line_ struct line l;
		_cleanup_strvec_ struct strvec members = STRVEC_INIT;
		unsigned id;
		line_split(&l, lines.v[i]);
		if (l.n < 4 || !id_of(l.field[2], &id))
			continue;
		str_split(&members, l.field[3], ",");
		if (strvec_has(&members, name))
			to->groups[to->n_groups++] = id;
	}
	return 0;
}

static int find(const char *user, const char *group, struct identity *ret, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	_cleanup_line_ struct line l = {0};
	unsigned uid = 0, gid = 0;
	if (read_lines("/etc/passwd", &lines, err))
		return -1;
	bool found = find_line(&lines, user, &l);
	if (!found && !id_of(user, &uid))
		return err_set(err, ERR_CONFIG, "the image has no user \"%s\"", user);
	if (found && (!id_of(l.field[2], &uid) || l.n < 4 || !id_of(l.field[3], &gid)))
		return err_set(err, ERR_CONFIG, "the image's user \"%s\" has no number within 0 to %d", user, MAX_ID);
	ret->uid = uid;
	ret->gid = gid;
	ret->home = xstrdup(found && l.n > 5 && l.field[5][0] == '/' ? l.field[5] : "/");
	if (group)
		return find_group(group, &ret->gid, err);
	return found ? add_groups(l.field[0], ret, err) : 0;
}

int identity_find(const char *user, struct identity *ret, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(user && *user ? user : "0");
	char *colon = strchr(copy, ':');
	*ret = (struct identity){0};
	if (colon)
		*colon++ = '\0';
	return find(copy, colon, ret, err);
}

int identity_become(const struct identity *i, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setgroups(i->n_groups, i->groups) ||
		setresgid(i->gid, i->gid, i->gid) || setresuid(i->uid, i->uid, i->uid))
		return err_sys(err, errno, "become user %u", (unsigned)i->uid);
	/* The change of ids cleared these two. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

void identity_release(struct identity *i)
{
	free(i->home);
	*i = (struct identity){0};
}
