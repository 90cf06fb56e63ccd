/*
 * The two nftables tables, "kiln" of family bridge (container to container) and of family inet (to and from the host).
 * What refuses counts by source, destination, protocol and port, in a set "refused" of each table.
 */
#pragma once
#include "target/agent/agent.h"

/* The tables as text for `nft -f -`: replaces what was loaded before, in one transaction. */
void firewall_text(const struct machine *m, struct strbuf *out);
/* One more chain, for kernels that can reject on a bridge: refusals are answered instead of passed over in silence. */
void firewall_refuse_text(const struct machine *m, struct strbuf *out);
/* [{"from", "to", "protocol", "port", "packets"}], most refused first; names of containers where the address is one's.
 */
json_t *firewall_refusals(const struct machine *m, struct err *err);
/* The same from nft's JSON listing of one table, appended to `list`. */
int firewall_parse(const struct machine *m, const char *listing, json_t *list, struct err *err);
