/* An SPDX document while it is made. Internal to builder/sbom. */
#pragma once
#include "base/str.h"
#include "sbom/sbom.h"

struct spdx {
	const struct sbom_input *in;
	struct arena arena;
	json_t *packages, *relationships;
	json_t *ids; /* all that are given, as keys */
};
#define DOCUMENT_ID "SPDXRef-DOCUMENT"
#define APPLIANCE_ID "SPDXRef-appliance"
#define KILN_ID "SPDXRef-kiln"

/* "SPDXRef-KIND-TEXT" in the letters that SPDX allows; no id is given twice. */
const char *document_id(struct spdx *d, const char *kind, const char *text);
/* A new package, for more to be said of it; borrowed. version, purpose: or NULL. */
json_t *document_package(struct spdx *d, const char *id, const char *name, const char *version, const char *purpose);
void document_relate(struct spdx *d, const char *from, const char *type, const char *to);
void package_sha256(json_t *package, const char *hex);
/* category as in SPDX: PACKAGE-MANAGER, OTHER */
void package_reference(json_t *package, const char *category, const char *type, const char *locator);
/* Percent-encoded as a package URL has it; `keep`: characters besides letters, digits and "-._~:" that stay. */
void purl_add(struct strbuf *b, const char *text, const char *keep);

/* The parts of an appliance, each related to it. */
void sbom_trees(struct spdx *d);    /* Debian's packages, by tree; composed images */
void sbom_images(struct spdx *d);   /* what others made, and what is derived from that */
void sbom_models(struct spdx *d);   /* language models */
void sbom_programs(struct spdx *d); /* kiln's own */
