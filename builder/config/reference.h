/*
 * Where an image comes from, as people write it: a reference into a registry, with the grammar and the defaults of
 * docker and podman, or a place on this host.
 *
 *     [REGISTRY[:PORT]/]PATH[:TAG][@sha256:HEX]     without a registry docker.io, there without a / library/PATH;
 *                                                   without tag and digest :latest
 *     oci:DIR[:TAG]                                 an OCI image layout
 *     archive:FILE[:NAME]                           a tar of one, or what `docker save` writes
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"

struct reference {
	const char *registry; /* "docker.io", "registry.example:5000", "[::1]:5000" */
	const char *path;     /* "library/postgres" */
	const char *tag;      /* NULL when only pinned by digest */
	const char *digest;   /* 64 hex digits of a SHA-256, or NULL */
};
/*
 * Parse; the texts live in the arena. ERR_CONFIG: "image \"TEXT\": column N: what is wrong there", column in bytes from
 * 1.
 */
int reference_parse(struct arena *arena, const char *text, struct reference *ret, struct err *err);
/* The one way to write it: REGISTRY/PATH[:TAG][@sha256:HEX]. */
const char *reference_text(struct arena *arena, const struct reference *r) __attribute__((returns_nonnull));
/* REGISTRY/PATH. */
const char *reference_repository(struct arena *arena, const struct reference *r) __attribute__((returns_nonnull));

enum source_kind { SOURCE_REGISTRY, SOURCE_LAYOUT, SOURCE_ARCHIVE };
struct image_source {
	enum source_kind kind;
	struct reference ref; /* SOURCE_REGISTRY */
	const char *path;     /* others: as written */
	const char *name;     /* tag in a layout, name in an archive, or NULL: the only image there is */
};
/* Any of the three forms; errors as of reference_parse. */
int image_source_parse(struct arena *arena, const char *text, struct image_source *ret, struct err *err);

/* REGISTRY[/PATH], one end of a mirror; the path is "" when there is none. "mirror \"TEXT\": column N: ...". */
int reference_prefix_parse(
	struct arena *arena, const char *text, const char **ret_registry, const char **ret_path, struct err *err);
