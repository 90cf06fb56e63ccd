/* Models of a file: GGUF heads, and how models lie in the store. */
#include "base/hash.h"
#include "base/path.h"
#include "base/str.h"
#include "config/gguf.h"
#include "oci/modelfile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "oci/storemodels.h"
#include "scratch.h"
#include "stream.h"
#include <endian.h>

/* A GGUF head, put together piece by piece. */
static void add_u32(struct strbuf *b, uint32_t v)
{
	v = htole32(v);
	strbuf_add(b, &v, sizeof v);
}
static void add_u64(struct strbuf *b, uint64_t v)
{
	v = htole64(v);
	strbuf_add(b, &v, sizeof v);
}
static void add_text(struct strbuf *b, const char *s)
{
	add_u64(b, strlen(s));
	strbuf_adds(b, s);
}
static void add_head(struct strbuf *b, uint32_t version, uint64_t tensors, uint64_t pairs)
{
	strbuf_adds(b, "GGUF");
	add_u32(b, version);
	add_u64(b, tensors);
	add_u64(b, pairs);
}
static void add_architecture(struct strbuf *b, const char *name)
{
	add_text(b, "general.architecture");
	add_u32(b, 8);
	add_text(b, name);
}
static void add_tensor(struct strbuf *b, uint64_t rows, uint64_t columns, uint64_t offset)
{
	add_text(b, "t");
	add_u32(b, 2);
	add_u64(b, rows);
	add_u64(b, columns);
	add_u32(b, 0);
	add_u64(b, offset);
}
/* Everything that has to be passed over, and two tensors. */
static void add_whole(struct strbuf *b)
{
	add_head(b, 3, 2, 4);
	add_architecture(b, "llama");
	add_text(b, "tokenizer.ggml.tokens");
	add_u32(b, 9); /* an array of texts */
	add_u32(b, 8);
	add_u64(b, 2);
	add_text(b, "<s>");
	add_text(b, "");
	add_text(b, "tokenizer.ggml.scores");
	add_u32(b, 9); /* and one of numbers */
	add_u32(b, 6);
	add_u64(b, 3);
	strbuf_add(b, "123412341234", 12);
	add_text(b, "general.file_type");
	add_u32(b, 4);
	add_u32(b, 15);
	add_tensor(b, 1000, 2000, 0);
	add_tensor(b, 3, 2, 8);
	strbuf_adds(b, "the tensors' bytes");
}

static const char *gguf_file(const struct strbuf *b)
{
	_cleanup_err_ struct err err = ERR_INIT;

	assert_int_equal(path_write(scratch_path("m.gguf"), strbuf_cstr(b), b->len, 0644, &err), 0);
	return scratch_path("m.gguf");
}

static void test_gguf(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct arena arena = {0};
	struct gguf g;

	(void)state;
	add_whole(&b);
	if (gguf_read(gguf_file(&b), &arena, &g, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(g.architecture, "llama");
	assert_string_equal(g.quantisation, "Q4_K_M");
	assert_true(g.parameters == 2000006 && g.size == b.len);
	static const struct {
		uint64_t n;
		const char *text;
	} counts[] = {{7, "7"}, {124096, "124K"}, {2000000, "2M"}, {268098176, "268.10M"}, {8000000000, "8B"},
		{8030261248, "8.0B"}};
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		_cleanup_free_ char *text = gguf_count(counts[i].n);
		assert_string_equal(text, counts[i].text);
	}
	/* Cut anywhere it is refused, and read no further than it goes. */
	for (size_t n = 0; n < b.len - 10; n++) {
		_cleanup_err_ struct err cut = ERR_INIT;
		struct strbuf part = {.s = b.s, .len = n};
		assert_int_equal(gguf_read(gguf_file(&part), &arena, &g, &cut), -1);
		assert_int_equal(cut.kind, ERR_VERIFY);
	}
	arena_release(&arena);
}

static void add_number(struct strbuf *b, const char *key, uint32_t v)
{
	add_text(b, key);
	add_u32(b, 4);
	add_u32(b, v);
}

/* Bytes for a token of context by a head with these pairs behind the architecture. */
static uint64_t token(struct strbuf *pairs, uint64_t n)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct arena arena = {0};
	struct gguf g;

	add_head(&b, 3, 0, n + 1);
	add_architecture(&b, "llama");
	strbuf_add(&b, strbuf_cstr(pairs), pairs->len);
	if (gguf_read(gguf_file(&b), &arena, &g, &err) < 0)
		fail_msg("%s", err.msg);
	arena_release(&arena);
	strbuf_release(pairs);
	*pairs = STRBUF_INIT;
	return g.token;
}

/* 2 bytes for each number of the keys and values, in all layers. */
static void test_context(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	assert_true(token(&b, 0) == 0);
	/* 16 layers, 8 of 32 heads for keys and values, each of 2048 / 32. */
	add_number(&b, "llama.block_count", 16);
	add_number(&b, "llama.embedding_length", 2048);
	add_number(&b, "llama.attention.head_count", 32);
	add_number(&b, "llama.attention.head_count_kv", 8);
	assert_true(token(&b, 4) == 2 * 16 * 8 * (64 + 64));
	/* As many as heads, where nothing else is said; lengths of their own count. */
	add_number(&b, "llama.attention.key_length", 256);
	add_number(&b, "llama.attention.value_length", 128);
	add_number(&b, "llama.block_count", 3);
	add_number(&b, "llama.attention.head_count", 4);
	assert_true(token(&b, 4) == 2 * 3 * 4 * (256 + 128));
	/* A list has a number for each layer: some have none. */
	add_number(&b, "llama.attention.key_length", 64);
	add_number(&b, "llama.attention.value_length", 64);
	add_number(&b, "llama.block_count", 3);
	add_text(&b, "llama.attention.head_count_kv");
	add_u32(&b, 9);
	add_u32(&b, 5);
	add_u64(&b, 3);
	add_u32(&b, 8);
	add_u32(&b, 0);
	add_u32(&b, 2);
	assert_true(token(&b, 4) == 2 * (8 + 0 + 2) * (64 + 64));
	/* Another architecture's, a model within the model, other types: passed over. */
	add_number(&b, "clip.block_count", 16);
	add_number(&b, "llama.vision.attention.head_count", 16);
	add_number(&b, "llama.attention.key_length", 64);
	add_text(&b, "llama.attention.head_count");
	add_u32(&b, 8);
	add_text(&b, "many");
	add_text(&b, "llama.attention.value_length");
	add_u32(&b, 9);
	add_u32(&b, 8);
	add_u64(&b, 1);
	add_text(&b, "many");
	assert_true(token(&b, 5) == 0);
	/* More than any machine has is that much and no less. */
	add_number(&b, "llama.block_count", UINT32_MAX);
	add_number(&b, "llama.attention.head_count", UINT32_MAX);
	add_number(&b, "llama.attention.key_length", UINT32_MAX);
	assert_true(token(&b, 3) == INT64_MAX);
}

static void bad_gguf(struct strbuf *b, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};
	struct gguf g;
	_cleanup_free_ char *text = xasprintf("%s: %s", gguf_file(b), want);

	assert_int_equal(gguf_read(scratch_path("m.gguf"), &arena, &g, &err), -1);
	assert_string_equal(err.msg, text);
	arena_release(&arena);
	strbuf_release(b);
	*b = STRBUF_INIT;
}

static void test_bad_gguf(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_adds(&b, "PK\3\4 a zip, not a model, of some length");
	bad_gguf(&b, "no GGUF file");
	add_head(&b, 1, 0, 0);
	bad_gguf(&b, "GGUF of version 1, kiln reads 2 and 3, little-endian");
	add_head(&b, 0x03000000, 0, 0);
	bad_gguf(&b, "GGUF of version 50331648, kiln reads 2 and 3, little-endian");
	add_head(&b, 3, UINT64_MAX, 1);
	bad_gguf(&b, "18446744073709551615 tensors and 1 keys: more than any model has");
	add_head(&b, 3, 0, 0);
	bad_gguf(&b, "it does not say its general.architecture");
	add_head(&b, 3, 0, 1);
	add_architecture(&b, "../x");
	bad_gguf(&b, "general.architecture: not a name");
	add_head(&b, 3, 0, 1);
	add_u64(&b, UINT64_MAX);
	bad_gguf(&b, "a name of 18446744073709551615 bytes");
	add_head(&b, 3, 0, 1);
	add_text(&b, "x");
	add_u32(&b, 9); /* an array of as many numbers as can be said */
	add_u32(&b, 10);
	add_u64(&b, UINT64_MAX);
	bad_gguf(&b, "truncated: it ends in its head");
	add_head(&b, 3, 0, 1);
	add_text(&b, "x");
	for (int i = 0; i < 10; i++) { /* arrays of arrays */
		add_u32(&b, 9);
		if (i)
			add_u64(&b, 1);
	}
	add_u64(&b, 1);
	bad_gguf(&b, "a value of the unknown type 9");
	add_head(&b, 3, 0, 1);
	add_text(&b, "x");
	add_u32(&b, 13);
	bad_gguf(&b, "a value of the unknown type 13");
	add_head(&b, 3, 1, 1);
	add_architecture(&b, "llama");
	add_tensor(&b, UINT64_MAX, 2, 0);
	bad_gguf(&b, "a tensor larger than any memory");
	add_head(&b, 3, 1, 1);
	add_architecture(&b, "llama");
	add_tensor(&b, 2, 2, 500);
	strbuf_adds(&b, "short");
	bad_gguf(&b, "truncated: its last tensor begins after its end");
}

static struct store_model models[2];
static int write_models(struct tar_out *t, struct err *err)
{
	return store_put_models(t, "data/models/", 1700000000, models, ARRAY_SIZE(models), err);
}

static struct store_model_blob cached(const struct cache *c, const struct blob_ref *b, struct arena *arena)
{
	_cleanup_free_ char *path = cache_blob_path(c, b->digest);
	return (struct store_model_blob){b->digest, b->size, arena_strdup(arena, path)};
}

/* Two models of one file: pinned, and laid out as Ollama has them; the same weights are there once. */
static void test_store(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_cache_ struct cache *c = NULL;
	struct arena arena = {0};
	static const char *const places[] = {
		"registry.ollama.ai/library/tiny/latest", "r.example:5000/team/A_b/q4.K-M"};

	(void)state;
	add_whole(&b);
	for (int i = 0; i < 4096; i++) /* too long for the listing */
		strbuf_addc(&b, 's');
	const char *file = gguf_file(&b);
	assert_int_equal(path_write(scratch_path("LICENSE"), "Do as you like.\n", 16, 0644, &err), 0);
	assert_int_equal(cache_open(scratch_path("cache"), NULL, &c, &err), 0);
	struct model_file files[] = {
		{.name = "tiny", .file = file, .template = "{{ .Prompt }}", .license = scratch_path("LICENSE")},
		{.name = "other",
			.file = file,
			.system = "Be brief.",
			.parameters = "{\"num_ctx\":256,\"stop\":[\"</s>\"]}"},
	};
	struct model_pin pins[2];
	for (size_t i = 0; i < 2; i++) {
		if (model_file_pin(&files[i], c, &arena, &pins[i], &err) < 0)
			fail_msg("%s", err.msg);
		struct store_model_blob *blobs = arena_alloc(&arena, 8 * sizeof *blobs);
		const struct blob_ref *ref;
		models[i] = (struct store_model){
			.place = places[i], .manifest = cached(c, &pins[i].manifest, &arena), .blobs = blobs};
		for (size_t k = 1; (ref = model_blob(&pins[i], k)); k++)
			blobs[models[i].n_blobs++] = cached(c, ref, &arena);
	}
	stream_golden(write_models, scratch_path("models.tar"), "models.txt");

	/* The file is another now: the lock's is not made of it. */
	assert_int_equal(path_remove(models[0].blobs[1].path, &err), 0);
	char was[HASH_HEX], is[HASH_HEX];
	hash_bytes(b.s, b.len, was);
	b.s[b.len - 1] = 'S';
	hash_bytes(b.s, b.len, is);
	gguf_file(&b);
	_cleanup_free_ char *want =
		xasprintf("model tiny: %s: the SHA-256 of its weights is %s, the lock has %s", file, is, was);
	assert_int_equal(model_file_fetch(&files[0], c, &pins[0], &err), -1);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_string_equal(err.msg, want);
	err_release(&err);
	b.s[b.len - 1] = 's';
	gguf_file(&b);
	assert_int_equal(model_file_fetch(&files[0], c, &pins[0], &err), 0);

	/* A blob that rotted in the cache. */
	const struct store_model_blob *text = &models[0].blobs[2];
	_cleanup_free_ char *bytes = xcalloc(text->size + 1, 1);
	memset(bytes, 'x', text->size);
	assert_int_equal(path_write(text->path, bytes, text->size, 0644, &err), 0);
	hash_bytes(bytes, text->size, is);
	_cleanup_free_ char *rotten = xasprintf(
		"blob sha256:%s of a model: its SHA-256 is %s: something changed it in the cache", text->digest, is);
	assert_int_equal(stream_make(write_models, scratch_path("bad.tar"), &err), -1);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_string_equal(err.msg, rotten);
	arena_release(&arena);
}

static void test_no_gguf(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL;
	struct arena arena = {0};
	struct model_pin pin;
	struct model_file f = {.name = "tiny", .file = "/nonexistent.gguf"};

	(void)state;
	assert_int_equal(cache_open(scratch_path("cache"), NULL, &c, &err), 0);
	assert_int_equal(model_file_pin(&f, c, &arena, &pin, &err), -1);
	assert_string_equal(err.msg, "model tiny: /nonexistent.gguf: No such file or directory");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gguf, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_context, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_bad_gguf, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_store, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_no_gguf, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
