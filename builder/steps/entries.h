/* What the cache holds, by name (docs/formats.md, "Cache"): for those who go through all of it. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fetch/cache.h"

/*
 * The entries of one part ("sha256", "unpacked", "steps", "apt", "partial", "images", "models"), as named below the
 * cache ("steps/NAME-KEY"), sorted, added to `ret`. What has no name of kiln's is not kiln's, and left out. A part
 * that is not there is empty.
 */
int entries_of(const struct cache *c, const char *part, struct strvec *ret, struct err *err);
/*
 * Remove entries, each whole or not at all: it loses its name first, so that an interrupted removal leaves no half of
 * it to be taken for good. No other kiln may be at work in the cache.
 */
int entries_remove(const struct cache *c, const struct strvec *entries, struct err *err);
