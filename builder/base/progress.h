/*
 * Progress of long work: steps that begin, advance and end. On a terminal one live line per running step; else a
 * plain line when a step begins to matter and when it ends. Every step's seconds are kept for --timings.
 * Thread-safe.
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

struct progress_step; /* one running step */
enum progress_unit { PROGRESS_COUNT, PROGRESS_BYTES };

/* What is being done, in the words of the user: "unpack", "212 packages". `total` may be 0 (unknown). */
struct progress_step *progress_begin(const char *name, const char *what, uint64_t total, enum progress_unit unit);
void progress_add(struct progress_step *s, uint64_t n);
void progress_total(struct progress_step *s, uint64_t total);
/* ok: 1 done, 0 failed, 2 taken from the cache. Frees s. */
void progress_end(struct progress_step *s, int ok);
/* The finished steps, in order of their end: [{"step","what","seconds","cached"}]. The caller owns the array. */
json_t *progress_timings(void);
/* Clear the live lines (before printing something else to the terminal). */
void progress_hide(void);
