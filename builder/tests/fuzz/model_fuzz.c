/* libFuzzer: what registries, locks and people say of models, and heads of GGUF files. The first byte tells what the
 * rest is. */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "config/gguf.h"
#include "config/modelname.h"
#include "oci/model.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name that is accepted means the same when it is written whole, and its path stays where it belongs. */
static void fuzz_name(const char *text, struct arena *arena)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct reference r, again;

	if (model_name_parse(arena, text, &r, &err) < 0)
		return;
	const char *whole = model_name_whole(arena, &r), *path = model_name_path(arena, &r);
	if (model_name_parse(arena, whole, &again, &err) < 0 || strcmp(model_name_path(arena, &again), path) != 0 ||
		model_name_parse(arena, model_name_short(arena, &r), &again, &err) < 0 ||
		strcmp(model_name_path(arena, &again), path) != 0)
		abort();
	if (*path == '/' || strstr(path, "/.") || *path == '.' || strpbrk(path, " \n\"'%?#\\"))
		abort();
}

static void fuzz_manifest(const char *text, size_t len, struct arena *arena)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct document d = {.text = text, .len = len, .name = "fuzz"};
	struct model_pin pin = {0}, again;

	if (model_manifest_read(&d, arena, &pin, &err) < 0)
		return;
	pin.manifest = pin.config;
	_cleanup_json_ json_t *j = model_pin_json(&pin);
	if (model_pin_read(j, NULL, arena, &again, &err) < 0 || model_weights(&again) != model_weights(&pin))
		abort();
}

static void fuzz_gguf(const uint8_t *data, size_t size, struct arena *arena)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_fd_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	struct gguf g;

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	if (gguf_read(path, arena, &g, &err) < 0) {
		if (err.kind != ERR_VERIFY)
			abort();
		return;
	}
	_cleanup_free_ char *count = gguf_count(g.parameters);
	if (!*count || !*g.architecture || g.token > INT64_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};

	if (!size)
		return 0;
	_cleanup_free_ char *text = xcalloc(size, 1);
	memcpy(text, data + 1, size - 1);
	struct document d = {.text = text, .len = size - 1, .name = "fuzz"};
	if (*data == 'n')
		fuzz_name(text, &arena);
	else if (*data == 'c')
		(void)model_config_check(&d, &err);
	else if (*data == 'g')
		fuzz_gguf(data + 1, size - 1, &arena);
	else
		fuzz_manifest(text, size - 1, &arena);
	arena_release(&arena);
	return 0;
}
