/*
 * What a directory of the cache was when it was made: DIR/sum holds the SHA-256 over everything else in it, so that
 * damage can be told later. Call these inside the user namespace (ns_call): outside, an ordinary user can read neither
 * all of a tree nor its owners.
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"

#define SUM_FILE "sum"

/*
 * Paths, types, modes, owners, times, link targets, device numbers, attributes (those of tree/attrs.h, and overlayfs's
 * opaque mark) and contents, of all that is in `dir` but its own SUM_FILE. Of `dir` itself only what it holds counts.
 */
int sum_of(const char *dir, char hex[HASH_HEX], struct err *err);
/* Write DIR/sum. */
int sum_record(const char *dir, struct err *err);

enum sum_state { SUM_HOLDS, SUM_DAMAGED, SUM_NONE /* no record: made by a kiln that left none */ };
/* What cannot be read because of the medium is damaged; another failure to read is an error. */
int sum_check(const char *dir, enum sum_state *ret, struct err *err);
