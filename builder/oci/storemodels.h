/* Models in the store, in the layout of Ollama's own directory of models. */
#pragma once
#include "base/err.h"
#include "tree/tar.h"
#include <stddef.h>
#include <stdint.h>

struct store_model_blob {
	const char *digest; /* bare */
	uint64_t size;
	const char *path; /* a file that has it */
};
struct store_model {
	const char *place;		      /* HOST/NAMESPACE/MODEL/TAG */
	struct store_model_blob manifest;     /* byte for byte as it came */
	const struct store_model_blob *blobs; /* all that it names; models may share them */
	size_t n_blobs;
};
/*
 * `prefix` (ending in a slash) with manifests/HOST/NAMESPACE/MODEL/TAG and blobs/sha256-HEX below it, directories
 * first, all sorted; each blob once. Blobs are streamed from their files and hashed on the way: ERR_VERIFY, and the
 * stream is not to be used, when one is not what its name says.
 */
int store_put_models(
	struct tar_out *t, const char *prefix, uint64_t epoch, const struct store_model *v, size_t n, struct err *err);
