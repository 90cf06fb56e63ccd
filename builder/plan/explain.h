/* An appliance for people: what `kiln plan` prints. Each returns text that ends in a newline; the caller frees it. */
#pragma once
#include "plan/appliance.h"

/* Services by layer, claims and who fulfils them, network, published ports, start order, budget; `sizes` as given to
 * appliance_disk. */
char *explain_appliance(const struct appliance *a, const struct image_sizes *sizes) __attribute__((returns_nonnull));
/* The matrix of flows: from, to, ports, and the claim that is the reason. */
char *explain_flows(const struct appliance *a) __attribute__((returns_nonnull));
json_t *explain_flows_json(const struct appliance *a);
/* The names under which people reach the appliance, as lines of a zone (RFC 1035) and of /etc/hosts. */
char *explain_dns(const struct appliance *a) __attribute__((returns_nonnull));
json_t *explain_dns_json(const struct appliance *a);
