/*
 * libFuzzer: what kiln-agent reads of a backup that lies on a disk or in a bucket of others: its name and its
 * manifest. One that was read is written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "target/agent/backup_manifest.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names(const char *text)
{
	int64_t t;
	char again[BACKUP_TIME];
	if (!backup_time_parse(text, &t))
		return;
	backup_time_format(t, again);
	if (!str_eq(again, text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m, second;
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	names(text);
	if (manifest_parse((const char *)data, size, "manifest", &m, &err) < 0) {
		if (!err.msg || err.kind != ERR_VERIFY)
			abort();
		manifest_release(&m);
		return 0;
	}
	_cleanup_free_ char *written = manifest_text(&m);
	if (manifest_parse(written, strlen(written), "again", &second, &err) < 0 || second.time != m.time ||
		second.size != m.size || !str_eq(second.item, m.item))
		abort();
	manifest_release(&m);
	manifest_release(&second);
	return 0;
}
