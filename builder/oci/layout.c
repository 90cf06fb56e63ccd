#include "oci/layout.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/dockertar.h"

enum { DEPTH_MAX = 32 };

static int take(const struct origin *o, const struct blob_ref *b, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("blobs/sha256/%s", b->digest);

	return local_take(o->arg, name, o->cache, b->digest, b->size, NULL, NULL, err);
}

static int take_all(const struct origin *o, const struct blob_ref *const *v, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (take(o, v[i], err) < 0)
			return -1;
	return 0;
}

static struct origin origin_of(const struct local *l, const char *what, struct cache *c)
{
	return (struct origin){.name = what, .cache = c, .document = take, .blobs = take_all, .arg = (void *)l};
}

static json_t *read_json(const struct local *l, const char *name, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = local_read(l, name, DOCUMENT_MAX, &len, err);

	return text ? json_parse_shallow(text, len, name, DEPTH_MAX, err) : NULL;
}

static int check_version(const struct local *l, struct err *err)
{
	_cleanup_json_ json_t *j = read_json(l, "oci-layout", err);

	if (!j)
		return -1;
	if (str_eq(json_string_value(json_object_get(j, "imageLayoutVersion")), "1.0.0"))
		return 0;
	return err_set(err, ERR_VERIFY, "oci-layout: its imageLayoutVersion is not 1.0.0");
}

static bool is_called(const json_t *entry, const char *name, struct strbuf *names)
{
	static const char *const keys[] = {"org.opencontainers.image.ref.name", "io.containerd.image.name"};
	const json_t *notes = json_object_get(entry, "annotations");
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *s = json_string_value(json_object_get(notes, keys[i]));
		if (!s)
			continue;
		strbuf_adds(names, names->len ? ", " : "");
		strbuf_add_plain(names, s);
		is |= str_eq(s, name);
	}
	return is;
}

/* The entry of index.json that is meant. */
static const json_t *choose(const json_t *list, const char *name, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	const json_t *found = NULL;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);
		if (!is_called(e, name, &names) && name)
			continue;
		if (found) {
			err_set(err, ERR_RESOLVE,
				name ? "it has several images of that name" : "it has several images: %.300s",
				strbuf_cstr(&names));
			if (!name)
				err_hint(err, "say which: oci:DIR:TAG, archive:FILE:NAME");
			return NULL;
		}
		found = e;
	}
	if (!found)
		err_set(err, ERR_RESOLVE, "it has no image%s; there is: %.300s", name ? " of that name" : "",
			names.len ? names.s : "nothing");
	return found;
}

static int find_root(
	const struct local *l, const char *name, struct arena *arena, struct blob_ref *ret, struct err *err)
{
	_cleanup_json_ json_t *j = check_version(l, err) < 0 ? NULL : read_json(l, "index.json", err);
	const json_t *list = j ? json_need_array(j, "manifests", err) : NULL;
	const json_t *entry = list ? choose(list, name, err) : NULL;

	if (!entry)
		return -1;
	return manifest_descriptor(entry, arena, ret, err) < 0 ? err_wrap(err, "index.json") : 0;
}

int layout_pin(const struct local *l, const char *name, const char *what, struct cache *c, const struct platform *p,
	struct arena *arena, struct image_pin *ret, struct err *err)
{
	struct origin o = origin_of(l, what, c);
	struct blob_ref root;
	int r;

	if (!local_has(l, "oci-layout") && local_has(l, "manifest.json"))
		r = dockertar_pin(l, name, c, p, arena, ret, err);
	else
		r = find_root(l, name, arena, &root, err) < 0 ? -1 : origin_pin(&o, &root, p, arena, ret, err);
	return r < 0 ? err_wrap(err, "image %s", what) : 0;
}

int layout_fetch(const struct local *l, const char *what, struct cache *c, const struct image_pin *pin, struct err *err)
{
	struct origin o = origin_of(l, what, c);
	int r;

	if (!local_has(l, "oci-layout") && local_has(l, "manifest.json"))
		r = dockertar_fetch(l, c, pin, err);
	else
		r = origin_fetch(&o, pin, err);
	return r < 0 ? err_wrap(err, "image %s", what) : 0;
}
