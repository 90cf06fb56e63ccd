/* What the appliance knows about itself, as one JSON object (docs/formats.md, "Status"), and as text. */
#pragma once
#include "target/agent/agent.h"

/* state, reason, services, provision, disk, problems: cheap, asked often. The caller owns it. */
json_t *status_core(const struct agent *a) __attribute__((returns_nonnull));
/* What of it makes news: all but what time alone changes, and the bytes that are free. The caller frees it. */
char *status_essence(const json_t *core) __attribute__((returns_nonnull));
/* Adds certificates, refusals and the boot's breakdown. */
void status_details(const struct agent *a, json_t *status);
/* Adds kernel and memory of the machine, images of containers, language models, and links to the sites. */
void status_host(const struct agent *a, json_t *status);
/* Of the models in it, whether they are in memory: "loaded", where who serves them says so. It asks them. */
void status_models(const struct agent *a, json_t *status);
/* {"size", "available"} by the text of /proc/meminfo; null when it does not say. */
json_t *status_meminfo(const char *meminfo) __attribute__((returns_nonnull));
/* Adds what is counted by walking and listing: bytes under storage and volumes, listening sockets, memory. */
void status_inventory(const struct agent *a, json_t *status);
/* "7 of 9 services healthy; waiting for postgres (not running)". The caller frees it. */
char *status_line(const json_t *status) __attribute__((returns_nonnull));
/* The table for people. */
void status_text(const json_t *status, struct strbuf *out);
/* Remember why a command failed, or (msg NULL) that it no longer does: shown as a problem. */
void status_problem(const struct agent *a, const char *what, const char *msg);
