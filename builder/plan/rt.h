/*
 * Runtime text (docs/formats.md): text in which what only the machine knows stands as ${...}, and a literal "${" as
 * "$${".
 */
#pragma once
#include "base/mem.h"
#include <stdbool.h>

/* Literal text as runtime text: every "${" becomes "$${". */
const char *rtext_escape(struct arena *arena, const char *literal);
/* Does it hold a reference? */
bool rtext_has_reference(const char *rt);
/* Runtime text without references, as the text it stands for. */
const char *rtext_literal(struct arena *arena, const char *rt);
/* The text with every reference replaced by a plausible value: what a rendered file is checked with. The caller frees
 * it. */
char *rtext_sample(const char *rt) __attribute__((returns_nonnull));
/*
 * Apply a filter of base/filter.h. Known text is filtered at once; a single reference gets the filter appended; a
 * mixture, and any text for a crypt filter (its salt is the machine's business), becomes ${text:ENCODED|filter}, where
 * ENCODED is the runtime text, percent-encoded as by the filter `url`.
 */
const char *rtext_filter(struct arena *arena, const char *rt, const char *filter);
