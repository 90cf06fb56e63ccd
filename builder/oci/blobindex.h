/* Inside of oci: the blob of an upstream layer, its index, and what the index holds. */
#pragma once
#include "oci/blob.h"
#include "oci/layer.h"
#include "oci/members.h"
#include "oci/upstream.h"

/* How the layer's blob is to be read. */
struct blob upstream_blob_of(const struct upstream_layer *l);
/* layer.json, and the members as the tar-split has them. `info` and `members` are the caller's to release, also after
 * an error. */
int upstream_index_read(
	const struct upstream_layer *l, struct layer_info *info, struct members *members, struct err *err);
