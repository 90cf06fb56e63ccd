/*
 * Indexes, manifests and configs of images (OCI image specification 1.1; Docker image manifest version 2, schema 2).
 * They come from outside: at most DOCUMENT_MAX bytes, no deep nesting, no key twice, nothing believed. Errors are
 * ERR_VERIFY unless said otherwise; `name` is what they call the document.
 */
#pragma once
#include "base/str.h"
#include "oci/pin.h"
#include "oci/platform.h"
#include <stdbool.h>

#define TYPE_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define TYPE_DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define TYPE_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define TYPE_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

struct document {
	const char *text;
	size_t len;
	const char *type; /* the media type it came with, or NULL; what it says itself must agree */
	const char *name;
};

/* The object that it is, which the caller owns; NULL: too large, too deep, no JSON or no object. */
json_t *document_parse(const struct document *d, struct err *err);
/* A text of theirs that is fit for a message; borrowed from b. */
const char *document_shown(struct strbuf *b, const char *s);

/*
 * What kind of document it is, by its own words and those it came with. On success *ret_type is its media type, static.
 * ERR_VERIFY for anything that is neither (schema 1 among it).
 */
enum document_kind { DOCUMENT_INDEX, DOCUMENT_MANIFEST };
int manifest_kind(const struct document *d, enum document_kind *ret, const char **ret_type, struct err *err);

/*
 * The manifest for a platform in an index: that of its variant first, else the one without any. ERR_RESOLVE names what
 * there is. An index in an index is not followed. *ret_type is static.
 */
int index_choose(
	const struct document *d, const struct platform *p, struct arena *arena, struct blob_ref *ret, struct err *err);

/* A descriptor of an index or a manifest: what a layout's index.json has. */
int manifest_descriptor(const json_t *j, struct arena *arena, struct blob_ref *ret, struct err *err);

/* The config and the layers of a manifest; diff ids are not filled. */
int manifest_read(const struct document *d, struct arena *arena, struct image_pin *ret, struct err *err);

/* The diff ids of a config into a pin whose layers manifest_read has filled, and that it is for the platform. */
int config_read(const struct document *d, const struct platform *p, struct arena *arena, struct image_pin *pin,
	struct err *err);
