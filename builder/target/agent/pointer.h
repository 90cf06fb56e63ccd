/* JSON pointers (RFC 6901). */
#pragma once
#include <jansson.h>

/* The value that the pointer names ("" is the whole), borrowed; NULL: none, or not a pointer. */
const json_t *json_pointer(const json_t *root, const char *pointer);
