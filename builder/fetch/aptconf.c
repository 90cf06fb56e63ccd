#include "fetch/aptconf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include <string.h>
#include <strings.h>

int apt_conf_read(struct apt_conf *c, struct err *err)
{
	static const char *const argv[] = {"apt-config", "dump", "--format", "%f=%v%n", "Acquire", NULL};
	_cleanup_free_ char *program = proc_which("apt-config");
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	if (!program)
		return 0;
	if (proc_run(argv, &(struct proc_opts){.capture = &out}, err) < 0)
		return err_wrap(err, "read the host's apt configuration");
	str_split(&lines, strbuf_cstr(&out), "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *eq = strchr(lines.v[i], '=');
		if (!eq || !eq[1])
			continue;
		vec_push(&c->all, (struct apt_setting){
					  .key = xstrndup(lines.v[i], (size_t)(eq - lines.v[i])),
					  .value = xstrdup(eq + 1),
				  });
	}
	return 0;
}

void apt_conf_release(struct apt_conf *c)
{
	for (size_t i = 0; i < c->all.n; i++) {
		free(c->all.v[i].key);
		free(c->all.v[i].value);
	}
	vec_release(&c->all);
}

const char *apt_conf_get(const struct apt_conf *c, const char *key)
{
	for (size_t i = 0; i < c->all.n; i++)
		if (strcasecmp(c->all.v[i].key, key) == 0)
			return c->all.v[i].value;
	return NULL;
}

/* "https://user@host:443/x" -> "host" */
static char *host_of(const char *uri)
{
	const char *p = strstr(uri, "://");

	p = p ? p + 3 : uri;
	size_t n = strcspn(p, "/?#");
	const char *at = memrchr(p, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	const char *colon = *p == '[' ? NULL : memchr(p, ':', n);
	return xstrndup(p, colon ? (size_t)(colon - p) : n);
}

const char *apt_conf_proxy(const struct apt_conf *c, const char *uri)
{
	static const char *const schemes[] = {"https", "http"}; /* https falls back to http's setting, as in apt */
	_cleanup_free_ char *host = host_of(uri);
	const char *v = NULL;

	for (size_t i = str_starts(uri, "https:") ? 0 : 1; !v && i < ARRAY_SIZE(schemes); i++) {
		_cleanup_free_ char *one = xasprintf("Acquire::%s::Proxy::%s", schemes[i], host);
		_cleanup_free_ char *all = xasprintf("Acquire::%s::Proxy", schemes[i]);
		v = apt_conf_get(c, one);
		if (!v)
			v = apt_conf_get(c, all);
	}
	return v && (strcasecmp(v, "DIRECT") == 0 || strcasecmp(v, "false") == 0) ? "" : v;
}
