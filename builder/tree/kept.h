/* Which paths of a changed tree are its result. Inside of builder/tree. */
#pragma once
#include "tree/change.h"

/* KEPT_ABOVE: a directory on the way to what is placed or may be kept. KEPT_PLACED: a file that was placed. */
enum kept { KEPT_NOT, KEPT_ABOVE, KEPT_PLACED, KEPT };
/* `path` is absolute; "" is the root. */
enum kept kept_is(const struct change_job *job, const char *path);
