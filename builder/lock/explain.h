/* What apt said, in one line of ours. Internal to lock/. */
#pragma once
#include "base/err.h"

/* Set `err` from all that a failed apt program printed. Returns 0 when nothing in it explains the failure, else -1. */
int apt_explain(const char *program, const char *said, struct err *err);
