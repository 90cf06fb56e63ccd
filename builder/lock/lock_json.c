/* The lock as a file: canonical JSON out, strictly checked JSON in. A lock may come from anywhere: nothing in it is
 * believed. */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "lock/lock_part.h"
#include <inttypes.h>
#include <string.h>

enum { LOCK_FORMAT = 1 };
/* No .deb is larger than its ar header can say: ten decimal digits. */
static const uint64_t deb_max = 9999999999;
static const uint64_t epoch_max = 253402300799; /* the year 9999 */

static const char *need_text(const json_t *obj, const char *key, bool (*good)(const char *), const char *what,
	struct lock *l, struct err *err)
{
	const char *s = json_need_str(obj, key, err);

	if (!s)
		return NULL;
	if (!good(s)) {
		err_set(err, ERR_VERIFY, "%s: expected %s, found \"%s\"", key, what, s);
		return NULL;
	}
	return arena_strdup(&l->arena, s);
}

static int need_number(const json_t *obj, const char *key, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
	if (json_need_u64(obj, key, ret, err) < 0)
		return -1;
	if (*ret < min || *ret > max)
		return err_set(err, ERR_VERIFY, "%s: expected a number from %" PRIu64 " to %" PRIu64 ", found %" PRIu64,
			key, min, max, *ret);
	return 0;
}

static int read_components(const json_t *j, struct lock_source *s, struct lock *l, struct err *err)
{
	json_t *list = json_need_array(j, "components", err), *c;
	size_t i;

	if (!list)
		return -1;
	s->components.v = arena_alloc(&l->arena, (json_array_size(list) + 1) * sizeof *s->components.v);
	json_array_foreach(list, i, c)
	{
		const char *text = json_string_value(c);
		if (!text || !lock_is_component(text))
			return err_set(err, ERR_VERIFY, "components: entry %zu is no name of a component", i + 1);
		s->components.v[s->components.n++] = arena_strdup(&l->arena, text);
	}
	return 0;
}

static int read_source(const json_t *j, struct lock_source *s, struct lock *l, struct err *err)
{
	static const char *const keys[] = {"uri", "suite", "components", "release", NULL};

	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_only_keys(j, keys, err) < 0 ||
		!(s->uri = need_text(j, "uri", lock_is_uri, "an http:, https: or file: address", l, err)) ||
		!(s->suite = need_text(j, "suite", lock_is_suite, "the name of a suite", l, err)) ||
		read_components(j, s, l, err) < 0 ||
		!(s->release = need_text(j, "release", lock_is_hex64, "64 hex digits", l, err)))
		return -1;
	return 0;
}

static int read_sources(const json_t *root, struct lock *l, struct err *err)
{
	json_t *list = json_need_array(root, "sources", err), *j;
	size_t i;

	if (!list)
		return -1;
	l->sources.v = xcalloc(json_array_size(list) + 1, sizeof *l->sources.v);
	json_array_foreach(list, i, j)
	{
		l->sources.n = i + 1;
		if (read_source(j, &l->sources.v[i], l, err) < 0)
			return err_wrap(err, "sources: entry %zu", i + 1);
	}
	return 0;
}

static int read_package(const char *key, const json_t *j, struct lock_package *p, struct lock *l, struct err *err)
{
	static const char *const keys[] = {"version", "sha256", "size", "path", "source", "installed", NULL};
	uint64_t source;

	if (!lock_is_key(key))
		return err_set(err, ERR_VERIFY, "not of the form NAME:ARCH");
	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	const char *colon = strchr(key, ':');
	p->key = arena_strdup(&l->arena, key);
	p->name = arena_strndup(&l->arena, key, (size_t)(colon - key));
	p->arch = arena_strdup(&l->arena, colon + 1);
	if (strcmp(p->arch, "all") != 0 && strcmp(p->arch, l->arch) != 0)
		return err_set(err, ERR_VERIFY, "its architecture is neither \"all\" nor the lock's \"%s\"", l->arch);
	if (json_only_keys(j, keys, err) < 0 ||
		!(p->version = need_text(j, "version", lock_is_version, "a Debian version", l, err)) ||
		!(p->sha256 = need_text(j, "sha256", lock_is_hex64, "64 hex digits", l, err)) ||
		!(p->path = need_text(j, "path", lock_is_deb_path, "a relative path to a .deb", l, err)) ||
		need_number(j, "size", 1, deb_max, &p->size, err) < 0 ||
		need_number(j, "installed", 0, deb_max, &p->installed, err) < 0 ||
		json_need_u64(j, "source", &source, err) < 0)
		return -1;
	if (source >= l->sources.n)
		return err_set(err, ERR_VERIFY, "source: there is no source %" PRIu64, source);
	p->source = (size_t)source;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct lock_package *)a)->key, ((const struct lock_package *)b)->key);
}

static int read_packages(const json_t *root, struct lock *l, struct err *err)
{
	json_t *all = json_need_object(root, "packages", err), *j;
	const char *key;

	if (!all)
		return -1;
	l->packages.v = xcalloc(json_object_size(all) + 1, sizeof *l->packages.v);
	json_object_foreach(all, key, j)
	{
		if (read_package(key, j, &l->packages.v[l->packages.n++], l, err) < 0)
			return err_wrap(err, "packages: \"%s\"", key);
	}
	qsort(l->packages.v, l->packages.n, sizeof *l->packages.v, by_key);
	return 0;
}

static int read_set(const char *id, const json_t *j, struct lock_set *s, bool *used, struct lock *l, struct err *err)
{
	json_t *entry;
	size_t i;

	if (!lock_is_set_id(id))
		return err_set(err, ERR_VERIFY, "not the name of a tree");
	if (!json_is_array(j))
		return err_set(err, ERR_VERIFY, "expected an array");
	s->id = arena_strdup(&l->arena, id);
	s->v = xcalloc(json_array_size(j) + 1, sizeof *s->v);
	json_array_foreach(j, i, entry)
	{
		const char *key = json_string_value(entry);
		if (!key)
			return err_set(err, ERR_VERIFY, "entry %zu: expected a string", i + 1);
		const struct lock_package *p = lock_package(l, key);
		if (!p)
			return err_set(err, ERR_VERIFY, "\"%s\" is not among the packages", key);
		int order = i ? strcmp(s->v[i - 1]->key, key) : -1;
		if (order >= 0)
			return err_set(err, ERR_VERIFY, "\"%s\" %s", key, order ? "is out of order" : "appears twice");
		used[p - l->packages.v] = true;
		s->v[s->n++] = p;
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct lock_set *)a)->id, ((const struct lock_set *)b)->id);
}

static int read_sets(const json_t *root, struct lock *l, struct err *err)
{
	json_t *all = json_need_object(root, "sets", err), *j;
	_cleanup_free_ bool *used = xcalloc(l->packages.n + 1, sizeof *used);
	const char *id;

	if (!all)
		return -1;
	l->sets.v = xcalloc(json_object_size(all) + 1, sizeof *l->sets.v);
	json_object_foreach(all, id, j)
	{
		if (read_set(id, j, &l->sets.v[l->sets.n++], used, l, err) < 0)
			return err_wrap(err, "sets: \"%s\"", id);
	}
	qsort(l->sets.v, l->sets.n, sizeof *l->sets.v, by_id);
	for (size_t i = 0; i < l->packages.n; i++)
		if (!used[i])
			return err_set(err, ERR_VERIFY, "packages: \"%s\": in none of the sets", l->packages.v[i].key);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lock_image *)a)->name, ((const struct lock_image *)b)->name);
}

static int read_image(const char *name, const json_t *j, struct lock_image *i, struct lock *l, struct err *err)
{
	static const char *const own[] = {"source", NULL};

	if (!lock_is_image_name(name))
		return err_set(err, ERR_VERIFY, "not the name of an image");
	i->name = arena_strdup(&l->arena, name);
	if (pin_read(j, own, &l->arena, &i->pin, err) < 0)
		return -1;
	i->source = need_text(j, "source", lock_is_line, "where an image comes from", l, err);
	return i->source ? 0 : -1;
}

/* Locks without such images do not have the member. */
static int read_images(const json_t *root, struct lock *l, struct err *err)
{
	json_t *all = json_object_get(root, "images") ? json_need_object(root, "images", err) : NULL, *j;
	const char *name;

	if (!all)
		return json_object_get(root, "images") ? -1 : 0;
	l->images.v = xcalloc(json_object_size(all) + 1, sizeof *l->images.v);
	json_object_foreach(all, name, j)
	{
		if (read_image(name, j, &l->images.v[l->images.n++], l, err) < 0)
			return err_wrap(err, "images: \"%s\"", name);
	}
	qsort(l->images.v, l->images.n, sizeof *l->images.v, by_name);
	return 0;
}

static int read_root(const json_t *j, struct lock *l, struct err *err)
{
	static const char *const keys[] = {
		"kiln", "arch", "suite", "epoch", "sources", "packages", "sets", "images", "models", "request", NULL};
	const char *request;
	uint64_t format;

	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_need_u64(j, "kiln", &format, err) < 0)
		return -1;
	if (format != LOCK_FORMAT)
		return err_set(err, ERR_VERIFY, "a lock of format %" PRIu64 ", this kiln knows format %d", format,
			LOCK_FORMAT);
	if (json_only_keys(j, keys, err) < 0 ||
		!(l->arch = need_text(j, "arch", lock_is_arch, "an architecture", l, err)) ||
		!(l->suite = need_text(j, "suite", lock_is_suite, "the name of a suite", l, err)) ||
		need_number(j, "epoch", 1, epoch_max, &l->epoch, err) < 0 ||
		!(request = need_text(j, "request", lock_is_hex64, "64 hex digits", l, err)) ||
		read_sources(j, l, err) < 0 || read_packages(j, l, err) < 0 || read_sets(j, l, err) < 0 ||
		read_images(j, l, err) < 0 || lock_read_models(j, l, err) < 0)
		return -1;
	memcpy(l->request, request, HASH_HEX);
	return 0;
}

int lock_parse(const char *text, size_t len, const char *name, struct lock *ret, struct err *err)
{
	_cleanup_json_ json_t *j = json_parse(text, len, name, err);
	_cleanup_lock_ struct lock l = {0};

	if (!j)
		return err_hint(err, "\"kiln lock\" makes it anew");
	if (read_root(j, &l, err) < 0) {
		err_wrap(err, "%s", name);
		return err->hint ? -1 : err_hint(err, "\"kiln lock\" makes it anew");
	}
	*ret = l;
	l = (struct lock){0};
	return 0;
}

int lock_read(const char *path, struct lock *ret, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = path_read(path, LOCK_MAX, &len, err);

	return text ? lock_parse(text, len, path, ret, err) : -1;
}

static json_t *list_json(const struct str_list *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, json_string(l->v[i]));
	return a;
}

static json_t *lock_json(const struct lock *l)
{
	json_t *sources = json_array(), *packages = json_object(), *sets = json_object();

	for (size_t i = 0; i < l->sources.n; i++) {
		const struct lock_source *s = &l->sources.v[i];
		json_array_append_new(sources, json_pack("{s:s, s:s, s:o, s:s}", "uri", s->uri, "suite", s->suite,
						       "components", list_json(&s->components), "release", s->release));
	}
	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *p = &l->packages.v[i];
		json_object_set_new(packages, p->key,
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "version", p->version, "sha256", p->sha256, "path",
				p->path, "size", (json_int_t)p->size, "installed", (json_int_t)p->installed, "source",
				(json_int_t)p->source));
	}
	for (size_t i = 0; i < l->sets.n; i++) {
		json_t *set = json_array();
		for (size_t k = 0; k < l->sets.v[i].n; k++)
			json_array_append_new(set, json_string(l->sets.v[i].v[k]->key));
		json_object_set_new(sets, l->sets.v[i].id, set);
	}
	json_t *images = l->images.n ? json_object() : NULL;
	for (size_t i = 0; i < l->images.n; i++) {
		json_t *image = pin_json(&l->images.v[i].pin);
		json_object_set_new(image, "source", json_string(l->images.v[i].source));
		json_object_set_new(images, l->images.v[i].name, image);
	}
	return json_pack("{s:i, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o*, s:o*}", "kiln", LOCK_FORMAT, "arch", l->arch,
		"suite", l->suite, "epoch", (json_int_t)l->epoch, "request", l->request, "sources", sources, "packages",
		packages, "sets", sets, "images", images, "models", lock_models_json(l));
}

char *lock_text(const struct lock *l)
{
	_cleanup_json_ json_t *j = lock_json(l);

	return json_canonical(j);
}

int lock_write(const char *path, const struct lock *l, struct err *err)
{
	_cleanup_free_ char *text = lock_text(l);

	return path_write(path, text, strlen(text), 0644, err);
}
