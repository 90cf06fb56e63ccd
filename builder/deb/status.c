#include "deb/status.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20, BLOCK = 1 << 16 };

void status_add(struct strbuf *out, const struct control *c, const char *state, const struct strvec *conffiles)
{
	strbuf_addf(out, "Package: %s\nStatus: %s\n", control_get(c, "Package"), state);
	for (size_t i = 0; i < c->fields.n; i++) {
		const struct control_field *f = &c->fields.v[i];
		if (strcasecmp(f->name, "Package") != 0 && strcasecmp(f->name, "Status") != 0 &&
			strcasecmp(f->name, "Conffiles") != 0)
			strbuf_addf(out, "%s: %s\n", f->name, f->value);
	}
	if (conffiles->n)
		strbuf_adds(out, "Conffiles:\n");
	for (size_t i = 0; i < conffiles->n; i++)
		strbuf_addf(out, " %s\n", conffiles->v[i]);
	strbuf_addc(out, '\n');
}

/* MD5 is dpkg's format here, nothing is secured by it. */
static int md5_file(const char *path, char hex[33], struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ unsigned char *buf = xmalloc(BLOCK);
	unsigned char raw[EVP_MAX_MD_SIZE] = {0};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ssize_t n = -1;

	if (fd >= 0 && ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1)
		while ((n = read(fd, buf, BLOCK)) > 0)
			EVP_DigestUpdate(ctx, buf, (size_t)n);
	if (n == 0 && EVP_DigestFinal_ex(ctx, raw, NULL) != 1)
		n = -1;
	EVP_MD_CTX_free(ctx);
	if (n < 0)
		return err_sys(err, errno, "read %s", path);
	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

int status_conffiles(const char *path, const char *root, struct strvec *out, struct err *err)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	if (!path_exists(path))
		return 0;
	_cleanup_free_ char *text = path_read(path, TEXT_MAX, NULL, err);
	if (!text)
		return -1;
	str_split(&lines, text, "\n\r");
	for (size_t i = 0; i < lines.n; i++) {
		char hex[33];
		if (str_starts(lines.v[i], "remove-on-upgrade ")) { /* no file, but dpkg remembers it */
			strvec_addf(out, "%s newconffile remove-on-upgrade", lines.v[i] + strlen("remove-on-upgrade "));
			continue;
		}
		for (size_t n = strlen(lines.v[i]); n && strchr(" \t", lines.v[i][n - 1]); n--)
			lines.v[i][n - 1] = 0;
		if (lines.v[i][0] != '/' || strstr(lines.v[i], "/../"))
			return err_set(err, ERR_VERIFY, "%s:%zu: expected an absolute path", path, i + 1);
		_cleanup_free_ char *file = xasprintf("%s%s", root, lines.v[i]);
		if (md5_file(file, hex, err) < 0)
			return err_wrap(err, "%s names %s", path, lines.v[i]);
		strvec_addf(out, "%s %s", lines.v[i], hex);
	}
	return 0;
}

void triggers_parse(const char *text, struct trigger_list *out)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	str_split(&lines, text, "\n\r");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_strvec_ struct strvec w = STRVEC_INIT;
		str_split(&w, lines.v[i], " \t");
		if (w.n != 2 || !str_starts(w.v[0], "interest"))
			continue; /* `activate` is what dpkg does itself when it configures */
		vec_push(&out->interests, (struct trigger_interest){xstrdup(w.v[1]), str_ends(w.v[0], "-noawait")});
	}
}

void triggers_release(struct trigger_list *t)
{
	for (size_t i = 0; i < t->interests.n; i++)
		free(t->interests.v[i].name);
	vec_release(&t->interests);
}

/* Is a line of `list` the path, or something below it? */
static bool touches(const char *list, const char *path)
{
	size_t n = strlen(path);

	for (const char *p = strstr(list, path); p; p = strstr(p + 1, path))
		if ((p == list || p[-1] == '\n') && (p[n] == '\n' || p[n] == '/' || !p[n]))
			return true;
	return false;
}

void triggers_touched(const char *file, const char *list, struct strvec *seen, struct strbuf *out)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	str_split(&lines, file, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *blank = strchr(lines.v[i], ' ');
		if (!blank)
			continue;
		*blank = 0;
		if (strvec_has(seen, lines.v[i]) || !touches(list, lines.v[i]))
			continue;
		strvec_add(seen, lines.v[i]);
		strbuf_addf(out, "%s -\n", lines.v[i]); /* nobody waits for it: all are configured in one go */
	}
}
