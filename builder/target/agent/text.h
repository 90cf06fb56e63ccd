/* Runtime text (docs/formats.md): references that only the machine can resolve. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "target/agent/agent.h"
#include <jansson.h>

/*
 * Resolve every reference of `text`; the caller frees *ret. What was secret (generated and captured values, keys,
 * and what filters made of them) is added to `masks` when it is not NULL. ERR_RESOLVE: a value is not captured yet.
 */
int text_resolve(const struct agent *a, const char *text, struct strvec *masks, char **ret, struct err *err);
/* The same for every string inside a JSON value; returns a new value, or NULL. */
json_t *text_resolve_json(const struct agent *a, const json_t *j, struct strvec *masks, struct err *err);
/*
 * Replace every occurrence of a mask, of four characters and more, by "***", and at the end of the text also a part of
 * one; the caller frees the text.
 */
char *text_mask(const char *text, const struct strvec *masks) __attribute__((returns_nonnull));
/* What may be shown of a text of others: masked, and nothing in it moves a terminal's cursor. The caller frees it. */
char *text_shown(const char *text, const struct strvec *masks) __attribute__((returns_nonnull));
/* All secrets of the machine that exist, those that steps captured too, as masks. */
void text_mask_all(const struct agent *a, struct strvec *masks);
