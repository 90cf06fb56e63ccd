/* The EFI system partition: FAT32 with systemd-boot, its configuration and the UKI, made with dosfstools and mtools of
 * the tools tree. */
#pragma once
#include "base/err.h"
#include "tree/tools.h"
#include <stdint.h>

struct esp_spec {
	const char *arch; /* amd64, arm64 */
	const char *uki;  /* host path */
	const char
		*label;	 /* "NAME_VERSION"; the UKI becomes EFI/Linux/NAME_VERSION+3.efi: three tries (boot counting) */
	const char *key; /* identifies the image; the volume id is derived from it */
	uint64_t size;	 /* 0: LAYOUT_ESP */
};
#define ESP_TRIES 3
/* Write the file system image to `out` (whole or not at all). */
int esp_build(const struct tools *t, const struct esp_spec *spec, const char *out, struct err *err);
