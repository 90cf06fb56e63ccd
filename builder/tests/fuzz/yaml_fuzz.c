/*
 * libFuzzer: YAML from outside, bound by the tables of services, profiles, scenarios and firmware sets; and runtime
 * text. Whatever the bytes, the answer is a result or an error with a text.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/firmware.h"
#include "config/profile.h"
#include "config/scenario.h"
#include "config/service.h"
#include "config/yaml.h"
#include "plan/rt.h"
#include "plan/toml.h"
#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tables(struct arena *arena, const char *text, size_t len)
{
	for (int table = 0; table < 2; table++) {
		_cleanup_err_ struct err err = ERR_INIT;
		const struct ynode *root = yaml_parse(arena, text, len, "fuzz.yaml", &err);
		bool ok = root != NULL;
		if (ok && table)
			ok = profile_check(arena, root, &err) == 0;
		else if (ok)
			ok = service_bind(arena, root, "/", "data", &err) != NULL;
		if (ok != !err.msg)
			abort();
	}
}

/* Those that are only read as files: from one in memory. */
static void fuzz_files(struct arena *arena, const char *text, size_t len)
{
	_cleanup_err_ struct err err = ERR_INIT, second = ERR_INIT;
	_cleanup_fd_ int fd = memfd_create("yaml", MFD_CLOEXEC);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	if (fd < 0 || fd_write_all(fd, text, len) < 0)
		abort();
	if (!scenario_load(arena, path, "fuzz.yaml", &err) != !!err.msg)
		abort();
	if (!firmware_load(arena, path, "fuzz.yaml", &second) != !!second.msg)
		abort();
}

static void fuzz_runtime_text(struct arena *arena, const char *text)
{
	static const char *const filters[] = {"json", "sh", "url", "b64", "sha512crypt"};
	free(rtext_sample(text));
	/* What is escaped holds no reference, and is itself again when read. */
	const char *escaped = rtext_escape(arena, text);
	if (rtext_has_reference(escaped) || strcmp(rtext_literal(arena, escaped), text) != 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		const char *filtered = rtext_filter(arena, text, filters[i]);
		free(rtext_sample(filtered));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	unsigned line, column;
	const char *problem;
	const char *text = arena_strndup(&arena, (const char *)data, size);
	fuzz_tables(&arena, (const char *)data, size);
	fuzz_files(&arena, (const char *)data, size);
	yaml_check((const char *)data, size, &line, &column, &problem);
	toml_check(text, &line, &problem);
	if (size < 4096)
		fuzz_runtime_text(&arena, text);
	arena_release(&arena);
	return 0;
}
