#include "lock/index.h"
#include "base/path.h"
#include "base/proc.h"
#include <string.h>
#include <strings.h>

enum { INDEX_MAX = 1 << 30 };

void index_release(struct index *x)
{
	for (size_t i = 0; i < x->files.n; i++) {
		free(x->files.v[i].text);
		free(x->files.v[i].release);
	}
	vec_release(&x->files);
	vec_release(&x->all);
}

static bool slice_is(struct slice a, const char *b)
{
	return a.n == strlen(b) && memcmp(a.s, b, a.n) == 0;
}

static int slice_cmp(struct slice a, struct slice b)
{
	int c = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static struct slice *field_of(struct index_entry *e, struct slice name)
{
	const struct {
		const char *name;
		struct slice *slot;
	} fields[] = {
		{"Package", &e->name},
		{"Version", &e->version},
		{"Architecture", &e->arch},
		{"Filename", &e->path},
		{"SHA256", &e->sha256},
		{"Size", &e->size},
		{"Installed-Size", &e->installed},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == name.n && strncasecmp(fields[i].name, name.s, name.n) == 0)
			return fields[i].slot;
	return NULL;
}

/* "Name: value" at the start of a line; continuation lines do not matter here. */
static void take_line(struct index_entry *e, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	if (!colon || *line == ' ' || *line == '\t')
		return;
	struct slice name = {line, (size_t)(colon - line)}, value = {colon + 1, n - name.n - 1};
	while (value.n && (*value.s == ' ' || *value.s == '\t'))
		value.s++, value.n--;
	while (value.n && strchr(" \t\r", value.s[value.n - 1]))
		value.n--;
	struct slice *slot = field_of(e, name);
	if (slot)
		*slot = value;
	else if (name.n == 9 && strncasecmp(name.s, "Essential", 9) == 0)
		e->essential = slice_is(value, "yes");
}

int index_parse(struct index *x, const char *text, size_t len, unsigned source, const char *name, struct err *err)
{
	const char *p = text, *end = text + len;

	while (p < end) {
		struct index_entry e = {.source = source, .paragraph.s = p};
		while (p < end) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));
			size_t n = (size_t)((nl ? nl : end) - p);
			const char *line = p;
			p += n + (nl ? 1 : 0);
			if (n == 0)
				break;
			take_line(&e, line, n);
			e.paragraph.n = (size_t)(line + n - e.paragraph.s);
		}
		if (!e.paragraph.n)
			continue;
		if (!e.name.n || !e.version.n || !e.arch.n || !e.path.n)
			return err_set(err, ERR_VERIFY,
				"%s: a paragraph lacks Package, Version, Architecture or Filename: %.*s", name,
				(int)(e.paragraph.n < 60 ? e.paragraph.n : 60), e.paragraph.s);
		vec_push(&x->all, e);
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;
	int c = slice_cmp(x->path, y->path);

	return c ? c : (x->source > y->source) - (x->source < y->source);
}

/* The text of an index file, whatever apt keeps it compressed with. */
static char *read_index(const struct apt_root *r, const char *path, size_t *ret_len, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (str_ends(path, "Packages"))
		return path_read(path, INDEX_MAX, ret_len, err);
	strvec_addl(&argv, "/usr/lib/apt/apt-helper", "cat-file", path, NULL);
	if (apt_root_run(r, &argv, &out, err) < 0)
		return NULL;
	*ret_len = out.len;
	return out.len ? strbuf_steal(&out) : xstrdup("");
}

/* ".../HOST_debian_dists_trixie_main_binary-amd64_Packages.lz4" -> ".../HOST_debian_dists_trixie_InRelease" */
static char *release_of(const char *path, const char *metakey)
{
	_cleanup_free_ char *tail = xasprintf("_%s", metakey);
	static const char *const names[] = {"InRelease", "Release"};

	for (char *c = tail; *c; c++)
		if (*c == '/')
			*c = '_';
	const char *at = strstr(path_base(path), tail);
	for (size_t i = 0; at && i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *release = xasprintf("%.*s_%s", (int)(at - path), path, names[i]);
		if (path_exists(release))
			return steal(release);
	}
	return NULL;
}

static int load_file(
	struct index *x, const struct apt_root *r, const struct sources *s, char *const *f, struct err *err)
{
	struct index_file file = {.source = (unsigned)s->all.n};
	_cleanup_free_ char *site = xstrdup(f[1]);

	for (size_t n = strlen(site); n && site[n - 1] == '/';)
		site[--n] = 0;
	for (unsigned i = 0; i < s->all.n; i++)
		if (strcmp(s->all.v[i].uri, site) == 0 && strcmp(s->all.v[i].suite, f[2]) == 0)
			file.source = i;
	if (file.source == s->all.n)
		return err_set(err, ERR_TOOL, "apt has an index of %s %s, which is none of kiln's sources", f[1], f[2]);
	file.release = release_of(f[0], f[3]);
	if (!file.release)
		return err_set(err, ERR_TOOL, "apt has no Release file beside its index %s", f[0]);
	file.text = read_index(r, f[0], &file.len, err);
	vec_push(&x->files, file);
	return file.text ? index_parse(x, file.text, file.len, file.source, f[0], err) : -1;
}

int index_load(struct index *x, const struct apt_root *r, const struct sources *s, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, lines = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	strvec_addl(&argv, "apt-get", "indextargets", "--format", "$(FILENAME)|$(REPO_URI)|$(RELEASE)|$(METAKEY)",
		"Created-By: Packages", NULL);
	if (apt_root_run(r, &argv, &out, err) < 0)
		return -1;
	str_split(&lines, strbuf_cstr(&out), "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_strvec_ struct strvec f = STRVEC_INIT;
		str_split(&f, lines.v[i], "|");
		if (f.n != 4)
			return err_set(err, ERR_TOOL, "apt-get indextargets: unexpected line \"%s\"", lines.v[i]);
		if (load_file(x, r, s, f.v, err) < 0)
			return -1;
	}
	if (x->all.n)
		qsort(x->all.v, x->all.n, sizeof *x->all.v, by_path);
	return 0;
}

/* Undo percent escapes; apt escapes some bytes of a file's name in the addresses it prints, by its own choice. */
static char *unescape(const char *s)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *s; s++) {
		char hex[3] = {0}, *end = NULL;
		if (*s == '%' && s[1] && s[2]) {
			hex[0] = s[1];
			hex[1] = s[2];
			unsigned long v = strtoul(hex, &end, 16);
			if (!*end && v) {
				strbuf_addc(&b, (char)v);
				s += 2;
				continue;
			}
		}
		strbuf_addc(&b, *s);
	}
	return b.s ? strbuf_steal(&b) : xstrdup("");
}

static const struct index_entry *by_site_path(const struct index *x, unsigned source, const char *path)
{
	struct index_entry want = {.path = {path, strlen(path)}, .source = source};

	return x->all.n ? bsearch(&want, x->all.v, x->all.n, sizeof *x->all.v, by_path) : NULL;
}

const struct index_entry *index_by_uri(const struct index *x, const struct sources *s, const char *uri)
{
	for (unsigned i = 0; i < s->all.n; i++) {
		size_t n = strlen(s->all.v[i].uri);
		if (strncmp(uri, s->all.v[i].uri, n) != 0 || uri[n] != '/')
			continue;
		const struct index_entry *e = by_site_path(x, i, uri + n + 1);
		_cleanup_free_ char *plain = e ? NULL : unescape(uri + n + 1);
		if (!e)
			e = by_site_path(x, i, plain);
		if (e)
			return e;
	}
	return NULL;
}

char *index_nearest(const struct index *x, const char *word)
{
	_cleanup_free_ const char **names = xcalloc(x->all.n + 1, sizeof *names);
	_cleanup_strvec_ struct strvec own = STRVEC_INIT;

	for (size_t i = 0; i < x->all.n; i++)
		strvec_take(&own, xstrndup(x->all.v[i].name.s, x->all.v[i].name.n));
	strvec_sort(&own);
	strvec_uniq(&own);
	for (size_t i = 0; i < own.n; i++)
		names[i] = own.v[i];
	const char *near = str_nearest(word, names);
	return near ? xstrdup(near) : NULL;
}
