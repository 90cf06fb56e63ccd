/* Language models that lie in the store: each with the blobs that it is made of. */
#include "base/json.h"
#include "sbom/document.h"

static const char *blob(struct spdx *d, const struct blob_ref *b)
{
	const char *id = arena_printf(&d->arena, "SPDXRef-blob-%s", b->digest);

	if (json_object_get(d->ids, id)) /* models share blobs: a licence, a template */
		return id;
	json_object_set_new(d->ids, id, json_true());
	json_t *p = document_package(d, id, arena_printf(&d->arena, "sha256:%s", b->digest), NULL, "FILE");
	package_sha256(p, b->digest);
	package_reference(p, "OTHER", "media-type", b->type);
	return id;
}

void sbom_models(struct spdx *d)
{
	const struct lock *l = d->in->l;

	for (size_t i = 0; i < l->models.n; i++) {
		const struct lock_model *m = &l->models.v[i];
		const char *id = document_id(d, "model", m->name);
		json_t *p = document_package(d, id, m->name, NULL, "OTHER");
		json_object_set_new(p, "sourceInfo", json_sprintf("from %s", m->source));
		package_sha256(p, m->pin.manifest.digest);
		document_relate(d, APPLIANCE_ID, "CONTAINS", id);
		for (size_t k = 0; k < m->pin.n_layers; k++)
			document_relate(d, id, "CONTAINS", blob(d, &m->pin.layers[k]));
	}
}
