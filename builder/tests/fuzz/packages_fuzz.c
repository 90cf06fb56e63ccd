/* libFuzzer: a package index. Every slice must lie inside the text. */
#include "lock/index.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice s, const char *text, size_t len)
{
	if (s.n && (s.s < text || s.s + s.n > text + len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_index_ struct index x = {0};
	_cleanup_err_ struct err err = ERR_INIT;
	char *text = malloc(size ? size : 1); /* of the exact size, so that reading past its end is noticed */

	memcpy(text, data, size);
	if (index_parse(&x, text, size, 0, "fuzz", &err) == 0)
		free(index_nearest(&x, "libc6"));
	for (size_t i = 0; i < x.all.n; i++) {
		const struct index_entry *e = &x.all.v[i];
		const struct slice all[] = {
			e->paragraph, e->name, e->version, e->arch, e->path, e->sha256, e->size, e->installed};
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			inside(all[k], text, size);
	}
	free(text);
	return 0;
}
