/* The appliance's own subnet on this machine. */
#pragma once
#include "target/agent/agent.h"

/* KILN_SUBNET, _GATEWAY, _DOMAIN, _HOSTNAME and KILN_IP_<container, - as _>: an environment file for units. */
void network_env(const struct machine *m, struct strbuf *out);
/* hosts(5) for the machine itself: localhost, and every container by its names on the network. */
void network_hosts(const struct machine *m, struct strbuf *out);
/* Whether one of the routes (the text of /proc/net/route, which is cut up) overlaps the subnet; says which. */
bool network_overlap(const struct machine *m, char *routes, struct strbuf *ret);
