/* A model of a file on this host, made what a registry would have: the weights as they are, and a blob per text. */
#pragma once
#include "oci/model.h"

struct model_file {
	const char *name;			    /* for messages */
	const char *file;			    /* GGUF */
	const char *template, *system, *parameters; /* or NULL */
	const char *license;			    /* a file, or NULL */
};
/*
 * Everything goes into the cache, the weights only when they are not there yet. The same input gives the same digests.
 * ERR_VERIFY when the file is no GGUF.
 */
int model_file_pin(
	const struct model_file *m, struct cache *c, struct arena *arena, struct model_pin *ret, struct err *err);
/* Bring what the cache lacks of a pinned one; ERR_VERIFY when the file or a text is another now. */
int model_file_fetch(const struct model_file *m, struct cache *c, const struct model_pin *pin, struct err *err);
