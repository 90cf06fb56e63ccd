/* Work on both cores: a list of items, N threads, first error wins. */
#pragma once
#include "base/err.h"
#include <stddef.h>

/* Called once per index 0..n-1, from any thread. A failure stops new items from being started. */
typedef int (*pool_fn)(size_t i, void *arg, struct err *err);
/* Runs fn over n items with `threads` threads (0: one per core); the caller works too. */
int pool_map(size_t n, unsigned threads, pool_fn fn, void *arg, struct err *err);
unsigned pool_cores(void);
