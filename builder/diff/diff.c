#include "diff/diff.h"
#include "base/json.h"
#include "deb/version.h"
#include <string.h>

/* Two lists in order, side by side: the next name, and what either has of it. */
struct pair {
	size_t i, k; /* of the next ones */
	bool a, b;   /* this one is in the first list, in the second: at i - 1, k - 1 */
};
static bool next(struct pair *p, const char *a, const char *b)
{
	int c = !a ? 1 : !b ? -1 : strcmp(a, b);

	p->a = a && c <= 0;
	p->b = b && c >= 0;
	p->i += p->a;
	p->k += p->b;
	return p->a || p->b;
}
/* The next of two lists LIST of elements that have NAME. */
#define NEXT(p, x, y, name)                                                                                            \
	next(&(p), (p).i < (x).n ? (x).v[(p).i].name : NULL, (p).k < (y).n ? (y).v[(p).k].name : NULL)

static const char *const added = "added", *const removed = "removed";

/* What became of a thing that either may lack. */
static const char *change_of(const void *a, const void *b)
{
	return !a ? added : !b ? removed : "changed";
}

/* What became of a package that both have; NULL: nothing. */
static const char *package_change(const struct diff_package *a, const struct diff_package *b)
{
	int c = deb_version_compare(a->version, b->version);

	if (c)
		return c < 0 ? "upgraded" : "downgraded";
	if (strcmp(a->version, b->version) != 0) /* "1.0" and "1.00" */
		return "rebuilt";
	return str_eq(a->sha256, b->sha256) ? NULL : "rebuilt";
}

static void add_package(json_t *list, const struct diff_package *a, const struct diff_package *b)
{
	const char *change = !a ? added : !b ? removed : package_change(a, b);

	if (!change)
		return;
	json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s?}", "package", (a ? a : b)->key, "change", change,
					    "from", a ? a->version : NULL, "to", b ? b->version : NULL));
}

static json_t *packages(const struct diff_tree *a, const struct diff_tree *b)
{
	static const struct diff_tree none;
	json_t *list = json_array();
	struct pair p = {0};

	a = a ? a : &none;
	b = b ? b : &none;
	while (NEXT(p, a->packages, b->packages, key))
		add_package(list, p.a ? &a->packages.v[p.i - 1] : NULL, p.b ? &b->packages.v[p.k - 1] : NULL);
	return list;
}

static uint64_t installed(const struct diff_tree *t)
{
	uint64_t n = 0;

	for (size_t i = 0; t && i < t->packages.n; i++)
		n += t->packages.v[i].installed;
	return n;
}

static json_t *from_to(uint64_t a, uint64_t b)
{
	return json_pack("{s:I, s:I}", "from", (json_int_t)a, "to", (json_int_t)b);
}

static json_t *trees(const struct contents *from, const struct contents *to)
{
	json_t *list = json_array();
	struct pair p = {0};

	while (NEXT(p, from->trees, to->trees, id)) {
		const struct diff_tree *a = p.a ? &from->trees.v[p.i - 1] : NULL;
		const struct diff_tree *b = p.b ? &to->trees.v[p.k - 1] : NULL;
		json_t *changes = packages(a, b);
		if (a && b && !json_array_size(changes)) {
			json_decref(changes);
			continue;
		}
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "tree", (a ? a : b)->id, "change", change_of(a, b),
				      "packages", changes, "installed", from_to(installed(a), installed(b))));
	}
	return list;
}

static bool has_layer(const struct diff_image *i, const char *digest)
{
	for (size_t k = 0; i && k < i->n_layers; k++)
		if (strcmp(i->layers[k]->digest, digest) == 0)
			return true;
	return false;
}

/* Layers of `i` that `other` lacks. */
static json_t *layers(const struct diff_image *i, const struct diff_image *other)
{
	json_t *list = json_array();

	for (size_t k = 0; i && k < i->n_layers; k++)
		if (!has_layer(other, i->layers[k]->digest))
			json_array_append_new(list, json_pack("{s:s+, s:I}", "digest", "sha256:", i->layers[k]->digest,
							    "size", (json_int_t)i->layers[k]->size));
	return list;
}

static json_t *image_side(const struct diff_image *i)
{
	uint64_t bytes = 0;

	if (!i)
		return json_null();
	for (size_t k = 0; k < i->n_layers; k++)
		bytes += i->layers[k]->size;
	json_t *j = json_pack("{s:s+, s:s*}", "digest", "sha256:", i->digest, "source", i->source);
	if (i->layers) {
		json_object_set_new(j, "layers", json_integer((json_int_t)i->n_layers));
		json_object_set_new(j, "bytes", json_integer((json_int_t)bytes));
	}
	return j;
}

/* `what`: the member that has the name. */
static json_t *images(const char *what, const diff_images *from, const diff_images *to)
{
	json_t *list = json_array();
	struct pair p = {0};

	while (NEXT(p, *from, *to, name)) {
		const struct diff_image *a = p.a ? &from->v[p.i - 1] : NULL;
		const struct diff_image *b = p.b ? &to->v[p.k - 1] : NULL;
		if (a && b && strcmp(a->digest, b->digest) == 0 && str_eq(a->source, b->source))
			continue;
		json_t *j = json_pack("{s:s, s:s, s:o, s:o}", what, (a ? a : b)->name, "change", change_of(a, b),
			"from", image_side(a), "to", image_side(b));
		if ((a && a->layers) || (b && b->layers)) {
			json_object_set_new(j, "layers_added", layers(b, a));
			json_object_set_new(j, "layers_removed", layers(a, b));
		}
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *sources(const struct contents *from, const struct contents *to)
{
	json_t *list = json_array();
	struct pair p = {0};

	while (NEXT(p, from->sources, to->sources, name)) {
		const struct diff_source *a = p.a ? &from->sources.v[p.i - 1] : NULL;
		const struct diff_source *b = p.b ? &to->sources.v[p.k - 1] : NULL;
		if (a && b && strcmp(a->release, b->release) == 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s?, s:s?}", "source", (a ? a : b)->name, "change",
				      change_of(a, b), "from", a ? a->release : NULL, "to", b ? b->release : NULL));
	}
	return list;
}

/* Bytes of the layers that were not seen yet. */
static uint64_t new_layers(const diff_images *list, json_t *seen)
{
	uint64_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < list->v[i].n_layers; k++) {
			const struct blob_ref *b = list->v[i].layers[k];
			if (json_object_get(seen, b->digest))
				continue;
			json_object_set_new(seen, b->digest, json_true());
			n += b->size;
		}
	return n;
}

/* What is downloaded and what is unpacked: each package once, each layer once. */
static json_t *sizes(const struct contents *c)
{
	_cleanup_json_ json_t *seen = json_object();
	uint64_t down = 0, unpacked = 0;

	for (size_t i = 0; i < c->trees.n; i++)
		for (size_t k = 0; k < c->trees.v[i].packages.n; k++) {
			const struct diff_package *p = &c->trees.v[i].packages.v[k];
			if (json_object_get(seen, p->key))
				continue;
			json_object_set_new(seen, p->key, json_true());
			down += p->size;
			unpacked += p->installed;
		}
	down += new_layers(&c->images, seen) + new_layers(&c->models, seen);
	return down ? json_pack("{s:I, s:I}", "download", (json_int_t)down, "installed", (json_int_t)unpacked) : NULL;
}

static json_t *side(const struct contents *c)
{
	json_t *j = json_pack("{s:s, s:s*, s:s*, s:s*, s:o*}", "name", c->name, "arch", c->arch, "suite", c->suite,
		"version", c->version, "sizes", sizes(c));

	if (c->epoch)
		json_object_set_new(j, "epoch", json_integer((json_int_t)c->epoch));
	return j;
}

json_t *diff_make(const struct contents *from, const struct contents *to)
{
	static const char *const lists[] = {"sources", "trees", "images", "models"};
	json_t *j = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "from", side(from), "to", side(to), "sources",
		sources(from, to), "trees", trees(from, to), "images", images("image", &from->images, &to->images),
		"models", images("model", &from->models, &to->models));
	bool same = from->epoch == to->epoch && str_eq(from->arch, to->arch) && str_eq(from->suite, to->suite) &&
		    str_eq(from->version, to->version);

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		same = same && json_array_size(json_object_get(j, lists[i])) == 0;
	json_object_set_new(j, "same", json_boolean(same));
	return j;
}

bool diff_is_same(const json_t *diff)
{
	return json_is_true(json_object_get(diff, "same"));
}
