#include "sbom/document.h"
#include <ctype.h>
#include <string.h>

const char *document_id(struct spdx *d, const char *kind, const char *text)
{
	char *id = arena_printf(&d->arena, "SPDXRef-%s-%s", kind, text);

	for (char *p = id; *p; p++)
		if (*p == '+') /* of package names, which have no large letters: g++ is not g-- */
			*p = 'P';
		else if (!isalnum((unsigned char)*p) && !strchr("-.", *p))
			*p = '-';
	const char *one = id;
	for (unsigned n = 2; json_object_get(d->ids, one); n++)
		one = arena_printf(&d->arena, "%s-%u", id, n);
	json_object_set_new(d->ids, one, json_true());
	return one;
}

json_t *document_package(struct spdx *d, const char *id, const char *name, const char *version, const char *purpose)
{
	json_t *p = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s*, s:s*}", "SPDXID", id, "name", name,
		"downloadLocation", "NOASSERTION", "filesAnalyzed", 0, "licenseConcluded", "NOASSERTION",
		"licenseDeclared", "NOASSERTION", "copyrightText", "NOASSERTION", "versionInfo", version,
		"primaryPackagePurpose", purpose);

	json_array_append_new(d->packages, p);
	return p;
}

void document_relate(struct spdx *d, const char *from, const char *type, const char *to)
{
	json_array_append_new(d->relationships, json_pack("{s:s, s:s, s:s}", "spdxElementId", from, "relationshipType",
							type, "relatedSpdxElement", to));
}

void package_sha256(json_t *package, const char *hex)
{
	json_object_set_new(
		package, "checksums", json_pack("[{s:s, s:s}]", "algorithm", "SHA256", "checksumValue", hex));
}

void package_reference(json_t *package, const char *category, const char *type, const char *locator)
{
	json_t *list = json_object_get(package, "externalRefs");

	if (!list) {
		list = json_array();
		json_object_set_new(package, "externalRefs", list);
	}
	json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "referenceCategory", category, "referenceType", type,
					    "referenceLocator", locator));
}

void purl_add(struct strbuf *b, const char *text, const char *keep)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (isalnum(c) || strchr("-._~:", c) || strchr(keep, c))
			strbuf_addc(b, (char)c);
		else
			strbuf_addf(b, "%%%02X", c);
	}
}
