/*
 * libFuzzer: two services and a template, resolved to an appliance. The input is cut at lines "====" into
 * overlays/data/a/service.yaml, overlays/data/b/service.yaml and overlays/data/a/t.in; the profile asks for both.
 * Whatever they say, there is a plan or an error with a text.
 */
#include "base/mem.h"
#include "base/path.h"
#include "plan/appliance.h"
#include "plan/explain.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dir;

static void leave(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	path_remove(dir, &err);
	free(dir);
}

static void put(const char *name, const void *data, size_t len)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, name), *parent = path_dir(path);
	if (path_mkdirs(parent, &err) < 0)
		abort();
	FILE *f = fopen(path, "we");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		abort();
}

static void prepare(void)
{
	static const char profile[] = "profile: p\nservices: [a, b]\nsettings: {a: {}}\n";
	static const char firmware[] = "firmware: cloud\nsummary: x\npackages: [linux]\n";
	_cleanup_err_ struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-fuzz-", &err);
	if (!dir)
		abort();
	put("profile.yaml", profile, sizeof profile - 1);
	put("firmware/cloud.yaml", firmware, sizeof firmware - 1);
	setenv("KILN_DATA", "/nonexistent", 1);
	atexit(leave);
}

static void cut(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"overlays/data/a/service.yaml", "overlays/data/b/service.yaml", "overlays/data/a/t.in"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *end = i + 1 < ARRAY_SIZE(names) && size ? memmem(data, size, "====\n", 5) : NULL;
		size_t len = end ? (size_t)(end - data) : size;
		put(names[i], data, len);
		size_t skip = end ? len + 5 : len;
		data += skip;
		size -= skip;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err err = ERR_INIT;
	if (!dir)
		prepare();
	cut(data, size);
	_cleanup_free_ char *profile = path_join(dir, "profile.yaml");
	struct appliance *a = appliance_load(profile, &err);
	if (!a != !!err.msg)
		abort();
	if (!a)
		return 0;
	json_decref(appliance_json(a));
	json_decref(explain_flows_json(a));
	free(explain_appliance(a, &(struct image_sizes){0}));
	free(explain_flows(a));
	free(explain_dns(a));
	appliance_free(a);
	return 0;
}
