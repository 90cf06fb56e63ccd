/* Packages of Debian, in the trees that hold them. */
#include "deb/archive.h"
#include "deb/control.h"
#include "sbom/document.h"
#include <string.h>

/* What a package says of itself. */
struct details {
	struct control_file file;
	const struct control *control; /* NULL: it is not in the cache */
};

static void details_read(const struct spdx *d, const struct lock_package *p, struct details *ret)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* one that cannot be read says nothing; a build would refuse it */
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	*ret = (struct details){0};
	if (!d->in->cache)
		return;
	_cleanup_free_ char *path = cache_blob_path(d->in->cache, p->sha256);
	if (cache_has(d->in->cache, p->sha256, p->size) && deb_control(path, &text, &ignored) == 0 &&
		control_parse(text.s, text.len, p->key, &ret->file, &ignored) == 0 && ret->file.paras.n)
		ret->control = &ret->file.paras.v[0];
	else if (d->in->silent)
		++*d->in->silent;
}

/* A field's first line, fit for a document; NULL when there is none. The caller frees it. */
static char *field(const struct details *t, const char *name)
{
	const char *value = t->control ? control_get(t->control, name) : NULL;
	struct strbuf b = STRBUF_INIT;

	if (!value || !*value)
		return NULL;
	_cleanup_free_ char *line = xstrndup(value, strcspn(value, "\n"));
	strbuf_add_plain(&b, line);
	return strbuf_steal(&b);
}

/* pkg:deb/debian/NAME@VERSION?arch=A&distro=SUITE */
static void add_purl(const struct spdx *d, json_t *p, const char *name, const char *version, const char *arch)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "pkg:deb/debian/");
	purl_add(&b, name, "");
	strbuf_addc(&b, '@');
	purl_add(&b, version, "");
	strbuf_addf(&b, "?arch=%s&distro=%s", arch, d->in->l->suite);
	package_reference(p, "PACKAGE-MANAGER", "purl", strbuf_cstr(&b));
}

/* "NAME <ADDRESS>". Debian does not say what is a person and what a team; most of a team's names do. */
static void add_maintainer(json_t *p, const char *text)
{
	static const char *const teams[] = {"team", "maintainer", "developers", "group", "debian", "project"};
	const char *open = strrchr(text, '<'), *kind = "Person";
	_cleanup_free_ char *name = xstrndup(text, open ? (size_t)(open - text) : strlen(text));
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(teams); i++)
		if (strcasestr(name, teams[i]))
			kind = "Organization";
	for (const char *c = name; *c; c++) /* SPDX keeps parentheses for the address */
		if (*c != '(' && *c != ')')
			name[n++] = *c;
	while (n && name[n - 1] == ' ')
		n--;
	name[n] = 0;
	if (*name && open)
		json_object_set_new(p, "supplier",
			json_sprintf("%s: %s (%.*s)", kind, name, (int)strcspn(open + 1, ">"), open + 1));
	else if (*name)
		json_object_set_new(p, "supplier", json_sprintf("%s: %s", kind, name));
}

/* The source package, once; its id. "Source: NAME (VERSION)", where it is called otherwise than what is made of it. */
static const char *add_source(struct spdx *d, const struct lock_package *p, const char *text)
{
	const char *open = text ? strchr(text, '(') : NULL;
	const char *name = text ? arena_strndup(&d->arena, text, strcspn(text, " (")) : p->name;
	const char *version = open ? arena_strndup(&d->arena, open + 1, strcspn(open + 1, ")")) : p->version;
	const char *key = arena_printf(&d->arena, "source %s %s", name, version);
	const char *known = json_string_value(json_object_get(d->ids, key));

	if (known)
		return known;
	const char *id = document_id(d, "source", name);
	json_object_set_new(d->ids, key, json_string(id));
	add_purl(d, document_package(d, id, name, version, "SOURCE"), name, version, "source");
	return id;
}

static const char *add_package(struct spdx *d, const struct lock_package *p)
{
	const struct lock_source *from = &d->in->l->sources.v[p->source];
	const char *id = document_id(d, "deb", p->key);
	json_t *j = document_package(d, id, p->name, p->version, NULL);
	struct details t;

	details_read(d, p, &t);
	_cleanup_free_ char *source = field(&t, "Source"), *maintainer = field(&t, "Maintainer");
	_cleanup_free_ char *homepage = field(&t, "Homepage"), *summary = field(&t, "Description");
	_cleanup_free_ char *uri = lock_uri(d->in->l, p);
	if (str_starts(from->uri, "http"))
		json_object_set_new(j, "downloadLocation", json_string(uri));
	json_object_set_new(j, "packageFileName", json_string(p->path));
	package_sha256(j, p->sha256);
	add_purl(d, j, p->name, p->version, p->arch);
	if (maintainer)
		add_maintainer(j, maintainer);
	if (homepage && str_starts(homepage, "http") && !strpbrk(homepage, " \t<>\"{}|\\^`"))
		json_object_set_new(j, "homepage", json_string(homepage));
	if (summary)
		json_object_set_new(j, "summary", json_string(summary));
	if (t.control)
		document_relate(d, id, "GENERATED_FROM", add_source(d, p, source));
	control_release(&t.file);
	return id;
}

/* The tree's package, and how it belongs to the appliance. */
static const char *add_tree(struct spdx *d, const struct lock_set *s)
{
	const char *id = document_id(d, "tree", s->id);

	if (str_starts(s->id, "image/")) { /* its first layer is the base, which the set leaves out */
		document_package(
			d, id, arena_printf(&d->arena, "localhost/kiln/%s:kiln", s->id + 6), NULL, "CONTAINER");
		document_relate(d, APPLIANCE_ID, "CONTAINS", id);
		if (lock_set(d->in->l, "base"))
			document_relate(d, id, "CONTAINS", "SPDXRef-tree-base");
		return id;
	}
	json_t *p = document_package(d, id, s->id, d->in->l->suite, str_eq(s->id, "os") ? "OPERATING_SYSTEM" : NULL);
	if (str_eq(s->id, "os")) {
		document_relate(d, APPLIANCE_ID, "CONTAINS", id);
	} else if (str_eq(s->id, "base")) {
		json_object_set_new(p, "summary", json_string("First layer of all images that are composed"));
	} else if (str_starts(s->id, "build/")) {
		json_object_set_new(
			p, "summary", json_string("What modules of the image's kernel are built from and with"));
		document_relate(d, id, "BUILD_TOOL_OF", APPLIANCE_ID);
	} else {
		json_object_set_new(p, "summary",
			json_string("What images are made with. Of it the image holds systemd-boot with its EFI stub, "
				    "and the C library within kiln-init"));
		document_relate(d, id, "BUILD_TOOL_OF", APPLIANCE_ID);
	}
	return id;
}

void sbom_trees(struct spdx *d)
{
	const struct lock *l = d->in->l;
	const char **ids = arena_alloc(&d->arena, (l->packages.n + 1) * sizeof *ids);

	for (size_t i = 0; i < l->packages.n; i++)
		ids[i] = add_package(d, &l->packages.v[i]);
	for (size_t i = 0; i < l->sets.n; i++) {
		const char *id = add_tree(d, &l->sets.v[i]);
		for (size_t k = 0; k < l->sets.v[i].n; k++)
			document_relate(d, id, "CONTAINS", ids[l->sets.v[i].v[k] - l->packages.v]);
	}
}
