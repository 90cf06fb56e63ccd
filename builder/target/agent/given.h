/* Secrets that are made somewhere else, as the password of another's server is: root gives them to the machine. */
#pragma once
#include "target/agent/agent.h"

#define GIVEN_MAX 4096

/* One line of text: ends of lines at its end are taken off, in place. ERR_CONFIG for control characters in it. */
int given_line(char *text, size_t len, struct err *err);
/*
 * What the system credential kiln.secret.SERVICE.NAME says is kept; without one a secret that nobody gave yet is empty,
 * and one that somebody gave stays. A credential that cannot be used is told in the log and changes nothing.
 */
int given_ensure(const struct agent *a, const struct secret *s, struct err *err);
/* {"secret", "what"} for each that nobody gave yet; NULL: none is wanted. The caller owns it. */
json_t *given_wanted(const struct agent *a);
