/* Settings, parameters and secrets of a service file: what their keys allow one by one, but not together. */
#pragma once
#include "config/service.h"

/* ERR_CONFIG at the key that does not go with another one, and for a pattern that is none. */
int typed_check(const struct typed_def *t, struct err *err);
int secret_check(const struct secret_def *d, struct err *err);
/* Whether all of the text is as the pattern, which typed_check has seen, has it; without one, every text is. */
bool typed_matches(const struct typed_def *t, const char *text);
