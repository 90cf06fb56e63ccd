/* Container images that others made, their layers, and the images that are derived from them. */
#include "base/json.h"
#include "config/reference.h"
#include "sbom/document.h"
#include <string.h>

static const char *layer(struct spdx *d, const struct pin_layer *l)
{
	const char *id = arena_printf(&d->arena, "SPDXRef-layer-%s", l->blob.digest);

	if (json_object_get(d->ids, id)) /* images share layers */
		return id;
	json_object_set_new(d->ids, id, json_true());
	json_t *p = document_package(d, id, arena_printf(&d->arena, "sha256:%s", l->blob.digest), NULL, "ARCHIVE");
	package_sha256(p, l->blob.digest);
	package_reference(p, "OTHER", "media-type", l->blob.type);
	package_reference(p, "OTHER", "oci-diff-id", arena_printf(&d->arena, "sha256:%s", l->diff_id));
	return id;
}

static void add_layers(struct spdx *d, const char *id, const struct image_pin *pin)
{
	for (size_t i = 0; i < pin->n_layers; i++)
		document_relate(d, id, "CONTAINS", layer(d, &pin->layers[i]));
}

/* pkg:oci/NAME@sha256:HEX?arch=A&repository_url=REGISTRY/PATH&tag=T: NAME is the last part of the path, small. */
static void add_purl(struct spdx *d, json_t *p, const struct reference *r, const char *digest)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *slash = strrchr(r->path, '/');

	strbuf_adds(&b, "pkg:oci/");
	purl_add(&b, slash ? slash + 1 : r->path, "");
	strbuf_addf(&b, "@sha256:%s?arch=%s&repository_url=", digest, d->in->l->arch);
	purl_add(&b, reference_repository(&d->arena, r), "/");
	if (r->tag)
		strbuf_addf(&b, "&tag=%s", r->tag);
	package_reference(p, "PACKAGE-MANAGER", "purl", strbuf_cstr(&b));
}

static void add_digest(struct spdx *d, json_t *p, const char *type, const struct blob_ref *blob)
{
	if (blob->digest)
		package_reference(p, "OTHER", type, arena_printf(&d->arena, "sha256:%s", blob->digest));
}

/* An image of the lock. Its checksum is that of the manifest, by which everything else of it is known. */
static const char *add_image(struct spdx *d, const struct lock_image *i)
{
	_cleanup_err_ struct err ignored =
		ERR_INIT; /* the lock's text is not a reference: then it has no package URL */
	const char *id = document_id(d, "image", i->name);
	struct image_source from = {0};
	bool is_reference =
		image_source_parse(&d->arena, i->source, &from, &ignored) == 0 && from.kind == SOURCE_REGISTRY;
	json_t *p = document_package(d, id, i->name, is_reference ? from.ref.tag : NULL, "CONTAINER");

	if (!str_eq(i->name, i->source))
		json_object_set_new(p, "sourceInfo", json_sprintf("from %s", i->source));
	package_sha256(p, i->pin.manifest.digest);
	if (is_reference)
		add_purl(d, p, &from.ref, i->pin.manifest.digest);
	add_digest(d, p, "oci-index", &i->pin.index);
	add_digest(d, p, "oci-config", &i->pin.config);
	add_layers(d, id, &i->pin);
	return id;
}

/* Those containers' images that are made from this one; each once, as all instances have the same. */
static void add_derived(struct spdx *d, const struct lock_image *i, const char *from)
{
	const struct appliance *a = d->in->a;

	for (size_t k = 0; a && k < a->containers.n; k++) {
		const struct container *c = &a->containers.v[k];
		if (!c->derived || c->instance > 1 || !str_eq(c->upstream, i->name))
			continue;
		const char *id = document_id(d, "image", c->image);
		document_package(d, id, c->image, NULL, "CONTAINER");
		document_relate(d, APPLIANCE_ID, "CONTAINS", id);
		document_relate(d, id, "GENERATED_FROM", from);
		add_layers(d, id, &i->pin);
	}
}

/* Whether a container runs it as it comes. Without a profile nobody knows better. */
static bool runs(const struct appliance *a, const struct lock_image *i)
{
	for (size_t k = 0; a && k < a->containers.n; k++)
		if (str_eq(a->containers.v[k].image, i->name))
			return true;
	return !a;
}

void sbom_images(struct spdx *d)
{
	const struct lock *l = d->in->l;

	for (size_t i = 0; i < l->images.n; i++) {
		const char *id = add_image(d, &l->images.v[i]);
		if (runs(d->in->a, &l->images.v[i]))
			document_relate(d, APPLIANCE_ID, "CONTAINS", id);
		add_derived(d, &l->images.v[i], id);
	}
}
