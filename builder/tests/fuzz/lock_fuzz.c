/* libFuzzer: a lock from anywhere. What is accepted must come out as it went in, and all its addresses must be
 * buildable. */
#include "base/str.h"
#include "lock/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_lock_ struct lock l = {0}, again = {0};
	_cleanup_err_ struct err err = ERR_INIT;

	if (lock_parse((const char *)data, size, "fuzz", &l, &err) < 0)
		return 0;
	_cleanup_free_ char *text = lock_text(&l);
	if (lock_parse(text, strlen(text), "again", &again, &err) < 0)
		abort();
	_cleanup_free_ char *second = lock_text(&again);
	if (strcmp(text, second) != 0)
		abort();
	for (size_t i = 0; i < l.packages.n; i++) {
		_cleanup_free_ char *uri = lock_uri(&l, &l.packages.v[i]);
		if (strstr(uri, "/../") || strpbrk(uri, " \n\"'"))
			abort();
	}
	return 0;
}
