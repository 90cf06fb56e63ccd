/* GUIDs as GPT has them: text "8-4-4-4-12", on disk with the first three fields little-endian. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct guid {
	uint8_t b[16]; /* as printed (big-endian) */
};
#define GUID_TEXT 37

/* From 32 hex digits (a half of a root hash) or from text with dashes; false when it is neither. */
bool guid_parse(const char *text, struct guid *ret);
void guid_format(const struct guid *g, char text[GUID_TEXT]); /* lower case */
void guid_to_disk(const struct guid *g, uint8_t disk[16]);    /* swaps the first three fields */
/* A version-8 (RFC 9562) GUID made from the hash of `key` and `what`: the same image has the same GUIDs. */
struct guid guid_derive(const char *key, const char *what);
