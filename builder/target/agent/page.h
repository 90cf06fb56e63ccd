/*
 * The appliance's own page (docs/page.md): what `status --publish` writes, shown to a browser and to Prometheus. All
 * here but the server (page.c) only turns JSON into text.
 */
#pragma once
#include "base/json.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct page_view {
	const json_t *status; /* NULL: nothing was published yet */
	const json_t *logs;   /* NULL: not for who asks, or there are none */
	const char *user;     /* who has signed on; NULL: nobody */
	uint64_t age_ms;      /* of the status */
};
#define PAGE_STALE_MS 20000

/* The whole document. */
void page_html(const struct page_view *v, struct strbuf *out);
/* Its parts: of the services and their start, and of the machine under them. */
void page_services(const struct page_view *v, struct strbuf *out);
void page_machine(const struct page_view *v, struct strbuf *out);
/* Content-Security-Policy for it: nothing but its own style and script, known by their hashes. The caller frees it. */
char *page_policy(void) __attribute__((returns_nonnull));

/* Prometheus' text format. */
void page_metrics(const json_t *status, uint64_t age_ms, struct strbuf *out);

/* What a request gets. Paths are compared as they come, whole; there is nothing else that a client can say. */
enum page_answer {
	PAGE_NOT_FOUND,
	PAGE_BAD_METHOD,
	PAGE_DOCUMENT,
	PAGE_STATUS,
	PAGE_SBOM,
	PAGE_CA,
	PAGE_HEALTH,
	PAGE_METRICS
};
enum page_answer page_route(const char *method, const char *path, bool inside);
/* Whether a comma-separated list of groups, as the gate writes it, has this one; the empty one has everybody. */
bool page_in_group(const char *groups, const char *group);
