/*
 * A registry's answers (OCI distribution specification 1.1): documents by tag or digest, and where its blobs are. One
 * client keeps connections and tokens for many repositories.
 */
#pragma once
#include "config/mirror.h"
#include "fetch/download.h"
#include "fetch/request.h"

struct registry;
/* `net`: what downloads are told; not_apt is set. NULL: the defaults. Its texts are borrowed. */
struct registry *registry_new(const struct download_opts *net) __attribute__((returns_nonnull));
void registry_free(struct registry *r);
const struct download_opts *registry_net(const struct registry *r);

/*
 * GET of a manifest or an index by "TAG" or "sha256:HEX". *ret has status 200, at most DOCUMENT_MAX bytes, not compared
 * with any digest but the one that the registry itself sent along. ERR_RESOLVE: there is none; ERR_NETWORK: it cannot
 * be had.
 */
int registry_document(
	struct registry *r, const struct mirror_place *at, const char *what, struct response *ret, struct err *err);
/* Whether a place gave way to another before for the image of that whole name, and that it does from now on. */
bool registry_gives_way(const struct registry *r, const struct mirror_place *at, const char *name);
void registry_gave_way(struct registry *r, const struct mirror_place *at, const char *name);
/* The download of a blob; texts and authorization belong to the client and live as long. */
struct download registry_blob(
	struct registry *r, const struct mirror_place *at, const char *digest, uint64_t size, const char *what);
