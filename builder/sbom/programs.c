/* kiln's own programs on the appliance. */
#include "sbom/document.h"

void sbom_programs(struct spdx *d)
{
	static const char *const programs[] = {"kiln-init", "kiln-agent"};
	json_t *kiln = document_package(d, KILN_ID, "kiln", KILN_VERSION, "SOURCE");

	json_object_set_new(kiln, "licenseDeclared", json_string("Apache-2.0"));
	package_reference(kiln, "PACKAGE-MANAGER", "purl", "pkg:generic/kiln@" KILN_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const char *id = document_id(d, "program", programs[i]);
		json_t *p = document_package(d, id, programs[i], KILN_VERSION, "APPLICATION");
		json_object_set_new(p, "licenseDeclared", json_string("Apache-2.0"));
		document_relate(d, APPLIANCE_ID, "CONTAINS", id);
		document_relate(d, id, "GENERATED_FROM", KILN_ID);
	}
}
