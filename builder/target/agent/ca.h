/*
 * The appliance's own certificate authority and the server certificates it issues: EC P-256, X.509 v3 (RFC 5280).
 * Keys are made on the machine, kept with mode 0600, and never replaced; certificates are.
 */
#pragma once
#include "base/err.h"
#include "target/agent/agent.h"

#define CA_YEARS 20
#define LEAF_DAYS 90

/* Make the CA when it is missing (valid from the image's epoch), and put its certificate into RUN/ca.crt. */
int ca_ensure(const struct agent *a, struct err *err);
/*
 * Issue the certificate `s` when it is missing, its names changed, the clock is outside of its life or less than a
 * third of that is left. Returns 1 when a certificate was issued, 0 when the present one stays, -1 on error.
 */
int ca_leaf_ensure(const struct agent *a, const struct secret *s, struct err *err);
/* Days until the certificate in the file ends, counted from `now` (negative: since then). */
int ca_days_left(const char *path, time_t now, int64_t *days, struct err *err);
