/* All it takes to ask registries for what an appliance names: its mirrors, its CA. Inside of builder/lock. */
#pragma once
#include "lock/lock.h"
#include "oci/pull.h"

struct client {
	struct arena arena;
	struct mirrors mirrors;
	struct pull pull;
};
int client_open(struct client *cl, const struct appliance *a, struct cache *c, const struct download_opts *opts,
	struct err *err);
void client_close(struct client *cl);
#define _cleanup_client_ __attribute__((cleanup(client_close)))
