/* `give`: secrets that are made somewhere else. */
#include "target/agent/given.h"
#include "base/log.h"
#include "base/path.h"
#include "target/agent/reload.h"
#include "target/agent/text.h"
#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CREDENTIALS "/run/credentials/@system/kiln.secret."

static const char usage[] = "give [SECRET | --remove SECRET]";

int given_line(char *text, size_t len, struct err *err)
{
	while (len && strchr("\r\n", text[len - 1]))
		text[--len] = 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return err_set(err, ERR_CONFIG, "one line of text is wanted, without control characters");
	if (len && (text[0] == ' ' || text[len - 1] == ' '))
		return err_set(err, ERR_CONFIG, "it begins or ends with a blank, which programs do not keep");
	return 0;
}

static char *place(const struct agent *a, const struct secret *s)
{
	return xasprintf("%s/secrets/%s", a->state, s->id);
}

static char *credential(const struct secret *s)
{
	char *path = xasprintf(CREDENTIALS "%s", s->id);
	for (char *p = path + strlen(CREDENTIALS); *p; p++)
		if (*p == '/')
			*p = '.';
	return path;
}

/* The line in a file; NULL: it cannot be read, or not be used. */
static char *line_of(const char *path, struct err *err)
{
	size_t len = 0;
	char *text = path_read(path, GIVEN_MAX, &len, err);
	if (!text || given_line(text, len, err) == 0)
		return text;
	err_wrap(err, "%s", path);
	explicit_bzero(text, len);
	free(text);
	return NULL;
}

/* 1: somebody gave one; 0: nobody did. -1: it cannot be read, or not be used. */
static int there(const struct agent *a, const struct secret *s, struct err *err)
{
	_cleanup_free_ char *path = place(a, s);
	if (!path_exists(path) && errno == ENOENT)
		return 0;
	_cleanup_free_ char *text = line_of(path, err);
	if (!text)
		return -1;
	int r = *text != 0;
	explicit_bzero(text, strlen(text));
	return r;
}

static int keep(const struct agent *a, const struct secret *s, const char *text, struct err *err)
{
	_cleanup_free_ char *path = place(a, s);
	return agent_write(path, text, strlen(text), 0600, err);
}

/* What the system credential says. */
static int take(const struct agent *a, const struct secret *s, const char *from, struct err *err)
{
	_cleanup_free_ char *text = line_of(from, err);
	if (!text)
		return -1;
	int r = *text ? keep(a, s, text, err) : err_set(err, ERR_CONFIG, "%s: it is empty", from);
	explicit_bzero(text, strlen(text));
	return r;
}

int given_ensure(const struct agent *a, const struct secret *s, struct err *err)
{
	_cleanup_free_ char *path = place(a, s), *from = credential(s);
	_cleanup_err_ struct err why = ERR_INIT;
	if (path_exists(from)) {
		if (take(a, s, from, &why) == 0)
			return 0;
		log_warn("secret %s: %s", s->id, why.msg);
	}
	return path_exists(path) ? 0 : keep(a, s, "", err);
}

/* What it is, in words. */
static char *words(const struct agent *a, const struct secret *s)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	char *text = NULL;
	return s->show && text_resolve(a, s->show, NULL, &text, &ignored) == 0 ? text : xstrdup(s->id);
}

json_t *given_wanted(const struct agent *a)
{
	json_t *list = NULL;
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		const struct secret *s = &a->m.secrets[i];
		_cleanup_err_ struct err why = ERR_INIT;
		int r = s->given ? there(a, s, &why) : 1;
		if (r > 0)
			continue;
		_cleanup_free_ char *text = words(a, s),
				    *what = r < 0 ? xasprintf("%s (%s)", text, why.msg) : xstrdup(text);
		list = list ? list : json_array();
		json_array_append_new(list, json_pack("{s:s, s:s}", "secret", s->id, "what", what));
	}
	return list;
}

static int show(const struct agent *a, struct err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		const struct secret *s = &a->m.secrets[i];
		_cleanup_err_ struct err why = ERR_INIT;
		_cleanup_free_ char *text = s->given ? words(a, s) : NULL;
		int r = s->given ? there(a, s, &why) : 1;
		if (r < 0 && why.sys == EACCES)
			return err_move(err, &why), -1;
		if (s->given)
			printf("%-24s %-10s %s%s%s\n", s->id,
				r < 0 ? "not usable"
				: r   ? "given"
				      : "not given",
				text, r < 0 ? ": " : "", r < 0 ? why.msg : "");
		n += s->given;
	}
	if (!n)
		puts("no service wants a secret of somewhere else");
	return 0;
}

static const struct secret *find(const struct agent *a, const char *id, struct err *err)
{
	const struct secret *s = machine_secret(&a->m, id);
	if (!s || !s->given || !agent_id_ok(id)) {
		err_set(err, ERR_CONFIG, "%s: %s", id, s ? "is made on the machine" : "no service has such a secret");
		err_hint(err, "kiln-agent give shows those that are wanted");
		return NULL;
	}
	_cleanup_free_ char *from = credential(s);
	if (!path_exists(from))
		return s;
	err_set(err, ERR_CONFIG, "%s: at every start it is what the system credential says", id);
	err_hint(err, "change that where the machine is started: %s", strrchr(from, '/') + 1);
	return NULL;
}

/* Not shown as it is typed; nor may Ctrl-C leave the terminal so: it is a character here, which no secret has. */
static int hide(struct termios *was, struct err *err)
{
	if (tcgetattr(STDIN_FILENO, was) < 0)
		return 0;
	struct termios quiet = *was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0 ? err_sys(err, errno, "the terminal") : 1;
}

/* A line of standard input: on a terminal it is asked for. */
static ssize_t read_line(const char *what, char *buf, size_t size, struct err *err)
{
	struct termios was;
	int terminal = hide(&was, err);
	if (terminal < 0)
		return -1;
	if (terminal)
		fprintf(stderr, "%s: ", what);
	size_t len = 0;
	ssize_t n = 1;
	while (len < size && n > 0) {
		n = read(STDIN_FILENO, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else
			len += n > 0 ? (size_t)n : 0;
		if (terminal && len && buf[len - 1] == '\n')
			break;
	}
	if (n < 0)
		err_sys(err, errno, "read standard input");
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	return n < 0 ? -1 : (ssize_t)len;
}

static int give(const struct agent *a, const char *id, struct err *err)
{
	const struct secret *s = find(a, id, err);
	if (!s)
		return -1;
	char buf[GIVEN_MAX + 1];
	_cleanup_free_ char *what = words(a, s);
	ssize_t n = read_line(what, buf, sizeof buf, err);
	int r = 0;
	if (n < 0)
		return -1;
	if ((size_t)n == sizeof buf)
		r = err_set(err, ERR_CONFIG, "%s: longer than %d bytes", id, GIVEN_MAX);
	else
		buf[n] = 0;
	if (r == 0 && given_line(buf, (size_t)n, err) < 0)
		r = err_wrap(err, "%s", id);
	if (r == 0 && !*buf) {
		err_set(err, ERR_CONFIG, "%s: standard input is empty", id);
		r = err_hint(err, "kiln-agent give --remove %s takes it away", id);
	}
	if (r == 0)
		r = keep(a, s, buf, err);
	explicit_bzero(buf, sizeof buf);
	return r;
}

static int take_away(const struct agent *a, const char *id, struct err *err)
{
	const struct secret *s = find(a, id, err);
	return s ? keep(a, s, "", err) : -1;
}

int cmd_give(struct agent *a, int argc, char **argv, struct err *err)
{
	bool away = argc == 3 && str_eq(argv[1], "--remove");
	if (argc == 1)
		return show(a, err);
	if (!away && (argc != 2 || argv[1][0] == '-'))
		return err_set(err, ERR_USAGE, "%s", usage);
	if ((away ? take_away(a, argv[2], err) : give(a, argv[1], err)) < 0)
		return -1;
	bool trust;
	return reload_changed(a, &trust, err) < 0 ? err_wrap(err, "%s is kept", argv[argc - 1]) : 0;
}
