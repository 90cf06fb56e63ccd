/* kiln fetch PROFILE: download what the lock names; after this a build needs no network. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "lock/lock.h"
#include "oci/source.h"
#include "steps/inputs.h"

int cmd_fetch(int argc, char **argv, struct err *err)
{
	const char *profile = cmd_profile(argc, argv, err);
	if (!profile)
		return -1;
	_cleanup_appliance_ struct appliance *a = cmd_load(profile, err);
	_cleanup_cache_ struct cache *cache = NULL;
	_cleanup_lock_ struct lock lock = {0};
	uint64_t bytes = 0, fetched = 0;

	if (!a || cache_open(cmd_globals.cache, NULL, &cache, err) < 0 ||
		inputs_lock(a, cache, cmd_globals.offline, &lock, err) < 0)
		return -1;
	for (size_t i = 0; i < lock.packages.n; i++) {
		const struct lock_package *p = &lock.packages.v[i];
		bytes += p->size;
		fetched += cache_has(cache, p->sha256, p->size) ? 0 : p->size;
	}
	for (size_t i = 0; i < lock.images.n; i++) {
		uint64_t all;
		fetched += source_missing(cache, &lock.images.v[i].pin, &all);
		bytes += all;
	}
	for (size_t i = 0; i < lock.models.n; i++) {
		uint64_t all;
		fetched += model_missing(cache, &lock.models.v[i].pin, &all);
		bytes += all;
	}
	if (inputs_fetch(&lock, a, cache, cmd_globals.offline, err) < 0)
		return -1;
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I}", "packages",
			(json_int_t)lock.packages.n, "images", (json_int_t)lock.images.n, "models",
			(json_int_t)lock.models.n, "bytes", (json_int_t)bytes, "fetched", (json_int_t)fetched);
		_cleanup_free_ char *text = json_canonical(j);
		fputs(text, stdout);
		return 0;
	}
	printf("%zu packages, ", lock.packages.n);
	if (lock.images.n)
		printf("%zu images, ", lock.images.n);
	if (lock.models.n)
		printf("%zu models, ", lock.models.n);
	printf("%s, in the cache", str_bytes(bytes));
	if (fetched)
		printf("  (%s fetched)", str_bytes(fetched));
	putchar(10);
	return 0;
}
