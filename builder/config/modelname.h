/*
 * Names of models, with the grammar and the defaults of Ollama.
 *
 *     [[HOST[:PORT]/]NAMESPACE/]MODEL[:TAG][@sha256:HEX]    registry.ollama.ai, library, latest where nothing is said
 */
#pragma once
#include "config/reference.h"

/*
 * Parse; the texts live in the arena. `path` is NAMESPACE/MODEL, there always is a tag, and the digest is the
 * manifest's. ERR_CONFIG: "model \"TEXT\": column N: what is wrong there", column in bytes from 1.
 */
int model_name_parse(struct arena *arena, const char *text, struct reference *ret, struct err *err);
/* As Ollama shows it: without host and namespace where they are the defaults, with the tag. */
const char *model_name_short(struct arena *arena, const struct reference *r) __attribute__((returns_nonnull));
/* HOST/NAMESPACE/MODEL:TAG. */
const char *model_name_whole(struct arena *arena, const struct reference *r) __attribute__((returns_nonnull));
/* Where its manifest lies among the manifests of a directory of models: HOST/NAMESPACE/MODEL/TAG. */
const char *model_name_path(struct arena *arena, const struct reference *r) __attribute__((returns_nonnull));
