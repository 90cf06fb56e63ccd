/*
 * Sizes of the partitions of an appliance's disk: what the plan counts and the layout makes, in one place. Bytes; false
 * when a sum is beyond INT64_MAX.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PART_ALIGN (UINT64_C(1) << 20)
#define PART_ESP_BYTES (UINT64_C(192) << 20)
#define PART_TABLES (2 * PART_ALIGN)	   /* the partition table before the first and its copy after the last */
#define PART_VAR_MIN (UINT64_C(256) << 20) /* what /var is made with at least: overlays/base/os/config/repart.conf */

bool part_add(uint64_t a, uint64_t b, uint64_t *ret);
bool part_align(uint64_t n, uint64_t *ret);
/* A slot for `content`: `asked`, or (0) the content and a third, so that the next version fits. */
bool part_slot(uint64_t content, uint64_t asked, uint64_t *ret);
/* The hash tree of a full slot. */
bool part_tree(uint64_t slot, uint64_t *ret);
