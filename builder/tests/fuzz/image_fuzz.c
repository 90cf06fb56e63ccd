/* libFuzzer: what registries and people say of images. The first byte tells what the rest is. */
#include "base/json.h"
#include "base/str.h"
#include "config/mirror.h"
#include "oci/challenge.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted has one way to be written, and that means the same. */
static void fuzz_reference(const char *text, struct arena *arena)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct image_source s;
	struct reference again;

	if (image_source_parse(arena, text, &s, &err) < 0 || s.kind != SOURCE_REGISTRY)
		return;
	const char *canonical = reference_text(arena, &s.ref);
	if (reference_parse(arena, canonical, &again, &err) < 0 ||
		strcmp(reference_text(arena, &again), canonical) != 0)
		abort();
	if (strstr(canonical, "/../") || strpbrk(canonical, " \n\"'%?#\\"))
		abort();
}

static void fuzz_challenge(const char *text)
{
	struct challenge c = {0};

	challenge_add(&c, text);
	if (c.bearer && (!c.realm || strpbrk(c.realm, "\r\n")))
		abort();
	challenge_release(&c);
}

static void fuzz_document(char kind, const char *text, size_t len, struct arena *arena)
{
	_cleanup_err_ struct err err = ERR_INIT, other = ERR_INIT;
	struct document d = {.text = text, .len = len, .name = "fuzz"};
	struct pin_layer layers[2] = {0};
	struct image_pin pin = {0}, again;
	struct blob_ref b;

	if (kind == 'i') {
		if (index_choose(&d, platform_of("arm64"), arena, &b, &err) == 0 && strlen(b.digest) != 64)
			abort();
		return;
	}
	if (kind == 'c') {
		pin.layers = layers;
		pin.n_layers = 2;
		config_read(&d, platform_of("amd64"), arena, &pin, &err);
		return;
	}
	if (manifest_read(&d, arena, &pin, &err) < 0)
		return;
	pin.manifest = pin.config;
	for (size_t i = 0; i < pin.n_layers; i++)
		pin.layers[i].diff_id = pin.layers[i].blob.digest;
	_cleanup_json_ json_t *j = pin_json(&pin);
	if (pin_read(j, NULL, arena, &again, &other) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};

	if (size == 0)
		return 0;
	_cleanup_free_ char *text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] == 'r')
		fuzz_reference(text, &arena);
	else if (data[0] == 'w')
		fuzz_challenge(text);
	else
		fuzz_document((char)data[0], (const char *)data + 1, size - 1, &arena);
	arena_release(&arena);
	return 0;
}
