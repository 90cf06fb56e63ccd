/*
 * STATE/provision/ID.json: which steps of a provision are done, each with the hash of its resolved text. A step runs
 * again when that hash changes, and not otherwise. Written whole and synced after every step.
 */
#pragma once
#include "target/agent/agent.h"

struct record {
	char *path;
	json_t *root; /* {"steps": {KEY: {"hash", "ms"}}} */
};
/* A missing file is an empty record; a broken one too, since every step is safe to run again. */
int record_open(const struct agent *a, const char *id, struct record *r, struct err *err);
bool record_has(const struct record *r, const char *key, const char *hash);
int record_done(struct record *r, const char *key, const char *hash, struct err *err);
void record_close(struct record *r);
/* A step's key: its name, and its number among those of that name, so that steps may be put in and taken out. */
char *record_key(const json_t *steps, size_t i) __attribute__((returns_nonnull));
