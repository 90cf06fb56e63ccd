#include "target/agent/show.h"
#include "base/path.h"
#include "target/agent/text.h"
#include <string.h>
#include <termios.h>

static bool untold(const struct agent *a, const struct secret *s)
{
	_cleanup_free_ char *path = xasprintf("%s/shown/%s", a->state, s->id);
	return s->show && !s->given && !s->certificate && agent_id_ok(s->id) && !path_exists(path);
}

/* "  TEXT: VALUE" */
static int tell(const struct agent *a, const struct secret *s, struct strbuf *out, struct err *err)
{
	_cleanup_free_ char *what = NULL, *value = NULL, *ref = xasprintf("${secret:%s}", s->id);
	if (text_resolve(a, s->show, NULL, &what, err) < 0 || text_resolve(a, ref, NULL, &value, err) < 0)
		return err_wrap(err, "secret %s", s->id);
	strbuf_addf(out, "  %s: %s\n", what, value);
	explicit_bzero(value, strlen(value));
	return 0;
}

int show_once(const struct agent *a, FILE *to, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strvec_ struct strvec told = STRVEC_INIT;
	int r = 0;
	for (size_t i = 0; i < a->m.n_secrets && r == 0; i++) {
		const struct secret *s = &a->m.secrets[i];
		if (!untold(a, s))
			continue;
		if (!told.n)
			strbuf_adds(&text, "shown this once, to be written down:\n");
		strvec_addf(&told, "%s/shown/%s", a->state, s->id);
		r = tell(a, s, &text, err);
	}
	if (r == 0 && told.n && (fputs(text.s, to) < 0 || fflush(to)))
		r = err_set(err, ERR_IO, "the console");
	if (r == 0 && told.n)
		(void)tcdrain(fileno(to)); /* what is no terminal has nothing to wait for */
	if (text.s)
		explicit_bzero(text.s, text.len);
	for (size_t i = 0; i < told.n && r == 0; i++)
		r = agent_write(told.v[i], "", 0, 0600, err);
	return r;
}
