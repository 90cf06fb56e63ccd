/*
 * Secrets that a person is to know (`show:`): told once, on the console. What was told is recorded in
 * STATE/shown/ID, after the terminal has it: a power cut may have one told twice, never none.
 */
#pragma once
#include "target/agent/agent.h"

/* What has not been told yet is written to the file `to`, and recorded. Nothing to tell: nothing is written. */
int show_once(const struct agent *a, FILE *to, struct err *err);
