#include "boot/kmod.h"
#include "base/path.h"
#include <string.h>

/* "kernel/crypto/crc32c-intel.ko.xz" -> "crc32c_intel": what the kernel calls it. */
static const char *module_name(struct arena *a, const char *path, size_t len)
{
	size_t base = len;

	while (base && path[base - 1] != '/')
		base--;
	char *name = arena_strndup(a, path + base, len - base), *ko = strstr(name, ".ko");
	if (ko)
		*ko = '\0';
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

static int by_name(const void *a, const void *b)
{
	const struct kmod *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct kmod *find(struct kmods *k, const char *name)
{
	struct kmod key = {.name = name};

	return k->all.n ? bsearch(&key, k->all.v, k->all.n, sizeof key, by_name) : NULL;
}

/* Call fn for every line that is not empty and no comment. */
static void each_line(struct kmods *k, const char *text, void (*fn)(struct kmods *, const char *, size_t))
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		if (n && *text != '#')
			fn(k, text, n);
		text += n;
		text += *text == '\n';
	}
}

static void dep_line(struct kmods *k, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	if (!colon || colon == line)
		return;
	size_t len = (size_t)(colon - line);
	vec_push(&k->all, (struct kmod){.name = module_name(&k->arena, line, len),
				  .path = arena_strndup(&k->arena, line, len),
				  .deps = arena_strndup(&k->arena, colon + 1, n - len - 1)});
}

static void builtin_line(struct kmods *k, const char *line, size_t n)
{
	strvec_add(&k->builtin, module_name(&k->arena, line, n));
}

static void soft_line(struct kmods *k, const char *line, size_t n)
{
	char *text = arena_strndup(&k->arena, line, n), *save = NULL;

	if (!str_starts(text, "softdep ") || !strtok_r(text, " ", &save))
		return;
	const char *name = strtok_r(NULL, " ", &save);
	if (name)
		vec_push(&k->soft, (struct kmod_soft){module_name(&k->arena, name, strlen(name)), save});
}

static void alias_line(struct kmods *k, const char *line, size_t n)
{
	char *text = arena_strndup(&k->arena, line, n), *last = strrchr(text, ' ');

	if (!str_starts(text, "alias ") || !last || last == text + 5)
		return;
	*last = '\0';
	vec_push(&k->aliases, (struct kmod_alias){text + 6, module_name(&k->arena, last + 1, strlen(last + 1))});
}

void kmods_parse(struct kmods *k, const char *dep, const char *softdep, const char *alias, const char *builtin)
{
	each_line(k, dep, dep_line);
	each_line(k, softdep, soft_line);
	each_line(k, alias, alias_line);
	each_line(k, builtin, builtin_line);
	if (k->all.n)
		qsort(k->all.v, k->all.n, sizeof *k->all.v, by_name);
	strvec_sort(&k->builtin);
}

static void mark(struct kmods *k, struct kmod *m);

/* A soft dependency is a module's name or an alias of modules; what is neither is built in or not there. */
static void mark_wanted(struct kmods *k, const char *want)
{
	const char *name = module_name(&k->arena, want, strlen(want));
	struct kmod *m = find(k, name);

	if (m) {
		mark(k, m);
		return;
	}
	for (size_t i = 0; i < k->aliases.n; i++)
		if (strcmp(k->aliases.v[i].pattern, want) == 0 && (m = find(k, k->aliases.v[i].name)))
			mark(k, m);
}

static void mark(struct kmods *k, struct kmod *m)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;

	if (m->needed)
		return;
	m->needed = true;
	str_split(&words, m->deps, " ");
	for (size_t i = 0; i < words.n; i++) {
		struct kmod *d = find(k, module_name(&k->arena, words.v[i], strlen(words.v[i])));
		if (d)
			mark(k, d);
	}
	for (size_t s = 0; s < k->soft.n; s++) {
		_cleanup_strvec_ struct strvec wants = STRVEC_INIT;
		if (strcmp(k->soft.v[s].name, m->name) != 0)
			continue;
		str_split(&wants, k->soft.v[s].wants, " ");
		for (size_t i = 0; i < wants.n; i++)
			if (!str_ends(wants.v[i], ":")) /* "pre:", "post:" */
				mark_wanted(k, wants.v[i]);
	}
}

int kmods_need(struct kmods *k, const char *name, bool optional, struct err *err)
{
	const char *plain = module_name(&k->arena, name, strlen(name));
	struct kmod *m = find(k, plain);

	if (m)
		mark(k, m);
	if (m || optional || strvec_has(&k->builtin, plain))
		return 0;
	VEC(const char *) names = {0};
	for (size_t i = 0; i < k->all.n; i++)
		vec_push(&names, k->all.v[i].name);
	vec_push(&names, NULL);
	const char *near = str_nearest(plain, names.v);
	err_set(err, ERR_CONFIG, "kernel module \"%s\": this kernel has none of that name", name);
	if (near)
		err_hint(err, "did you mean \"%s\"? A name that only some kernels have ends in '?'", near);
	else
		err_hint(err, "a name that only some kernels have ends in '?'");
	vec_release(&names);
	return -1;
}

/* Append the names of what a module needs before it, each once, as long as it is in the initrd. */
static void add_names(struct kmods *k, struct strbuf *out, const char *name)
{
	struct kmod *m = find(k, name);

	if (m && m->needed)
		strbuf_addf(out, " %s", m->name);
}

static void soft_names(struct kmods *k, struct strbuf *out, const char *wants)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;

	str_split(&words, wants, " ");
	for (size_t i = 0; i < words.n; i++) {
		const char *name = module_name(&k->arena, words.v[i], strlen(words.v[i]));
		if (str_ends(words.v[i], ":"))
			continue;
		if (find(k, name)) {
			add_names(k, out, name);
			continue;
		}
		for (size_t a = 0; a < k->aliases.n; a++)
			if (strcmp(k->aliases.v[a].pattern, words.v[i]) == 0)
				add_names(k, out, k->aliases.v[a].name);
	}
}

void kmods_dep_table(struct kmods *k, struct strbuf *out)
{
	for (size_t i = 0; i < k->all.n; i++) {
		const struct kmod *m = &k->all.v[i];
		_cleanup_strvec_ struct strvec words = STRVEC_INIT;
		if (!m->needed)
			continue;
		strbuf_addf(out, "%s:", m->name);
		str_split(&words, m->deps, " ");
		for (size_t w = 0; w < words.n; w++)
			add_names(k, out, module_name(&k->arena, words.v[w], strlen(words.v[w])));
		for (size_t s = 0; s < k->soft.n; s++)
			if (strcmp(k->soft.v[s].name, m->name) == 0)
				soft_names(k, out, k->soft.v[s].wants);
		strbuf_addc(out, '\n');
	}
}

void kmods_alias_table(struct kmods *k, struct strbuf *out)
{
	for (size_t i = 0; i < k->aliases.n; i++) {
		const struct kmod_alias *a = &k->aliases.v[i];
		struct kmod *m = strchr(a->pattern, ':') ? find(k, a->name) : NULL;
		if (m && m->needed && !strchr(a->pattern, ' ')) /* buses only; the table's separator is a space */
			strbuf_addf(out, "%s %s\n", a->pattern, m->name);
	}
}

void kmods_release(struct kmods *k)
{
	arena_release(&k->arena);
	vec_release(&k->all);
	vec_release(&k->soft);
	vec_release(&k->aliases);
	strvec_release(&k->builtin);
}
