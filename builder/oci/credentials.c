#include "oci/credentials.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { AUTH_FILE_MAX = 1 << 20 };

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(steal(*s));
}

void credentials_release(struct credentials *c)
{
	wipe(&c->user);
	wipe(&c->password);
	wipe(&c->identity_token);
}

/* Docker writes addresses ("https://index.docker.io/v1/") where others write names. */
static char *normal_key(const char *key)
{
	static const char *const ends[] = {"/", "/v1", "/v2", "/"};

	if (str_starts(key, "https://"))
		key += 8;
	else if (str_starts(key, "http://"))
		key += 7;
	char *s = xstrdup(key);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (str_ends(s, ends[i]))
			s[strlen(s) - strlen(ends[i])] = 0;
	if (strcmp(s, "index.docker.io") == 0 || strcmp(s, "registry-1.docker.io") == 0) {
		free(s);
		return xstrdup("docker.io");
	}
	return s;
}

static json_t *entry(const json_t *map, const char *name)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)map, key, v)
	{
		_cleanup_free_ char *normal = normal_key(key);
		if (strcmp(normal, name) == 0)
			return v;
	}
	return NULL;
}

static int helper_refused(const char *file, const char *registry, const char *helper, struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	strbuf_add_plain(&plain, helper);
	err_set(err, ERR_CONFIG,
		"%s: the credentials of %s are with the helper docker-credential-%.60s, which kiln does not run", file,
		registry, strbuf_cstr(&plain));
	return err_hint(err, "\"podman login %s\" writes them to auth.json", registry);
}

/* base64 of USER:PASSWORD */
static int split_auth(const char *text, struct credentials *ret)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	if (!base64_decode(&plain, text))
		return -1;
	while (plain.len && !plain.s[plain.len - 1]) /* Docker pads with NULs */
		plain.len--;
	if (strlen(strbuf_cstr(&plain)) != plain.len)
		return -1;
	char *colon = plain.len ? strchr(plain.s, ':') : NULL;
	if (!colon)
		return -1;
	ret->user = xstrndup(plain.s, (size_t)(colon - plain.s));
	ret->password = xstrdup(colon + 1);
	explicit_bzero(plain.s, plain.len);
	return 0;
}

static int read_entry(const char *file, const char *key, const json_t *e, struct credentials *ret, struct err *err)
{
	const char *auth = json_string_value(json_object_get(e, "auth"));
	const char *token = json_string_value(json_object_get(e, "identitytoken"));
	const char *user = json_string_value(json_object_get(e, "username"));
	const char *password = json_string_value(json_object_get(e, "password"));

	if (token && *token) {
		ret->identity_token = xstrdup(token);
		return 1;
	}
	if (auth && *auth)
		return split_auth(auth, ret) == 0
			       ? 1
			       : err_set(err, ERR_CONFIG, "%s: the entry of %s: auth is not base64 of USER:PASSWORD",
					 file, key);
	if (user && password) {
		ret->user = xstrdup(user);
		ret->password = xstrdup(password);
		return 1;
	}
	return 0;
}

static int look_in(const json_t *j, const char *file, const char *registry, const char *path, struct credentials *ret,
	struct err *err)
{
	const json_t *helper = entry(json_object_get(j, "credHelpers"), registry);
	const char *all = json_string_value(json_object_get(j, "credsStore"));
	_cleanup_free_ char *name = xasprintf("%s/%s", registry, path);

	if (json_is_string(helper))
		return helper_refused(file, registry, json_string_value(helper), err);
	for (;;) {
		const json_t *e = entry(json_object_get(j, "auths"), name);
		int r = json_is_object(e) ? read_entry(file, name, e, ret, err) : 0;
		if (r)
			return r;
		if (e && all && *all)
			return helper_refused(file, registry, all, err);
		char *slash = strrchr(name, '/');
		if (!slash)
			return 0;
		*slash = 0;
	}
}

/* The parser's own message would quote what stands in the file. */
static int read_file(const char *file, const char *registry, const char *path, struct credentials *ret, struct err *err)
{
	_cleanup_err_ struct err why = ERR_INIT;
	json_error_t where;
	size_t len;
	_cleanup_free_ char *text = path_read(file, AUTH_FILE_MAX, &len, &why);

	/* Other users' directories may be closed: /run/containers is root's. */
	if (!text && (why.sys == ENOENT || why.sys == ENOTDIR || (why.sys == EACCES && !getenv("REGISTRY_AUTH_FILE"))))
		return 0;
	if (!text) {
		err_move(err, &why);
		return err_wrap(err, "credentials of registries");
	}
	_cleanup_json_ json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	explicit_bzero(text, len);
	if (!json_is_object(j))
		return err_set(err, ERR_CONFIG, "%s:%d: no JSON object", file, j ? 1 : where.line);
	return look_in(j, file, registry, path, ret, err);
}

static void list_files(struct strvec *files)
{
	const char *only = getenv("REGISTRY_AUTH_FILE"), *run = getenv("XDG_RUNTIME_DIR");
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (only && *only) {
		strvec_add(files, only);
		return;
	}
	if (run && *run)
		strvec_addf(files, "%s/containers/auth.json", run);
	else
		strvec_addf(files, "/run/containers/%u/auth.json", (unsigned)getuid());
	if (config && *config)
		strvec_addf(files, "%s/containers/auth.json", config);
	else if (home && *home)
		strvec_addf(files, "%s/.config/containers/auth.json", home);
	if (home && *home)
		strvec_addf(files, "%s/.docker/config.json", home);
}

int credentials_find(const char *registry, const char *path, struct credentials *ret, struct err *err)
{
	_cleanup_strvec_ struct strvec files = STRVEC_INIT;
	int r = 0;

	list_files(&files);
	for (size_t i = 0; r == 0 && i < files.n; i++)
		r = read_file(files.v[i], registry, path, ret, err);
	return r;
}
