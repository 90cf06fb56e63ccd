/* Images of registries: pinned by what the registry says now, fetched by digest; mirrors first. */
#pragma once
#include "oci/origin.h"
#include "oci/registry.h"

struct pull {
	struct registry *registry;
	const struct mirrors *mirrors; /* or NULL */
	struct cache *cache;
	const struct platform *platform;
};
/*
 * Ask what a reference means for the platform. A mirror that has no such image, or does not answer, gives way to the
 * next with a warning, and is not asked for it again with the same client; what a registry serves against its own
 * digests is an error at once. Texts go to the arena.
 */
int pull_pin(
	const struct pull *p, const struct reference *ref, struct arena *arena, struct image_pin *ret, struct err *err);
/* Download what the cache lacks of it. */
int pull_fetch(const struct pull *p, const struct reference *ref, const struct image_pin *pin, struct err *err);

/*
 * The same for other things that registries keep. `fn` is called for each place where a reference may be, mirrors
 * first, until it succeeds; `kind` is what errors call the thing. fn brings what it wants with the two below: a
 * document by digest (bare), or whatever the tag means now for NULL; and blobs, by digest and size. All is verified.
 */
struct pull_site;
int pull_everywhere(const struct pull *p, const char *kind, const struct reference *ref,
	int (*fn)(const struct pull_site *s, void *arg, struct err *err), void *arg, struct err *err);
int pull_document(
	const struct pull_site *s, const char *digest, struct arena *arena, struct blob_ref *ret, struct err *err);
int pull_blobs(const struct pull_site *s, const struct blob_ref *const *list, size_t n, struct err *err);
