#include "sbom/sbom.h"
#include "base/hash.h"
#include "base/json.h"
#include "sbom/document.h"
#include <string.h>
#include <time.h>

static void add_appliance(struct spdx *d)
{
	const struct sbom_input *in = d->in;
	json_t *p = document_package(d, APPLIANCE_ID, in->name, in->version, "INSTALL");

	if (in->a && in->a->summary)
		json_object_set_new(p, "summary", json_string(in->a->summary));
	if (in->root_hash)
		package_reference(p, "OTHER", "dm-verity-root", in->root_hash);
	if (in->store_hash)
		package_reference(p, "OTHER", "dm-verity-store", in->store_hash);
	document_relate(d, DOCUMENT_ID, "DESCRIBES", APPLIANCE_ID);
}

/* A document that says anything else has another name: it is the hash of all the rest. */
static void set_namespace(json_t *doc, const char *name)
{
	_cleanup_free_ char *text = json_canonical(doc);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	char hex[HASH_HEX];

	hash_bytes(text, strlen(text), hex);
	strbuf_adds(&b, "https://spdx.org/spdxdocs/");
	purl_add(&b, name, "");
	strbuf_addf(&b, "-%s", hex);
	json_object_set_new(doc, "documentNamespace", json_string(strbuf_cstr(&b)));
}

json_t *sbom_make(const struct sbom_input *in)
{
	/* Of all that an appliance holds. */
	static void (*const parts[])(struct spdx *) = {sbom_trees, sbom_images, sbom_models, sbom_programs};
	struct spdx d = {.in = in, .packages = json_array(), .relationships = json_array(), .ids = json_object()};
	time_t t = (time_t)in->l->epoch;
	struct tm tm;
	char created[32];

	gmtime_r(&t, &tm);
	strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &tm);
	add_appliance(&d);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i](&d);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:o, s:o}", "spdxVersion", "SPDX-2.3", "SPDXID",
		DOCUMENT_ID, "dataLicense", "CC0-1.0", "name", in->name, "creationInfo", "created", created, "creators",
		"Tool: kiln-" KILN_VERSION, "packages", d.packages, "relationships", d.relationships);
	set_namespace(doc, in->name);
	json_decref(d.ids);
	arena_release(&d.arena);
	return doc;
}
