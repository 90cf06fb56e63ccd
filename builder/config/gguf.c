#include "config/gguf.h"
#include "base/str.h"
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

enum { KEYS_MAX = 1 << 16, TENSORS_MAX = 1 << 20, NAME_MAX_LEN = 1 << 16, DIMS_MAX = 8, DEPTH_MAX = 4 };
/* Tokenizers are the largest part of a head: hundreds of thousands of short texts. */
static const uint64_t head_max = UINT64_C(1) << 29;

enum value_type { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, TYPES };
static const uint8_t width[TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* llama.cpp's numbers for the kind of most tensors. */
static const char *const quantisations[] = {
	[0] = "F32",
	[1] = "F16",
	[2] = "Q4_0",
	[3] = "Q4_1",
	[7] = "Q8_0",
	[8] = "Q5_0",
	[9] = "Q5_1",
	[10] = "Q2_K",
	[11] = "Q3_K_S",
	[12] = "Q3_K_M",
	[13] = "Q3_K_L",
	[14] = "Q4_K_S",
	[15] = "Q4_K_M",
	[16] = "Q5_K_S",
	[17] = "Q5_K_M",
	[18] = "Q6_K",
	[19] = "IQ2_XXS",
	[20] = "IQ2_XS",
	[21] = "Q2_K_S",
	[22] = "IQ3_XS",
	[23] = "IQ3_XXS",
	[24] = "IQ1_S",
	[25] = "IQ4_NL",
	[26] = "IQ3_S",
	[27] = "IQ3_M",
	[28] = "IQ2_S",
	[29] = "IQ2_M",
	[30] = "IQ4_XS",
	[31] = "IQ1_M",
	[32] = "BF16",
	[36] = "TQ1_0",
	[37] = "TQ2_0",
	[38] = "MXFP4_MOE",
};

/* What says how much a token of context takes, behind the name of the architecture (ggml's docs/gguf.md). */
enum shape { LAYERS, WIDTH, HEADS, KV_HEADS, KEY, VALUE, SHAPES };
static const char *const shapes[SHAPES] = {
	[LAYERS] = "block_count",
	[WIDTH] = "embedding_length",
	[HEADS] = "attention.head_count",
	[KV_HEADS] = "attention.head_count_kv",
	[KEY] = "attention.key_length",
	[VALUE] = "attention.value_length",
};

struct reader {
	FILE *f;
	uint64_t at, size; /* bytes read, of the file */
	struct arena *arena;
	struct gguf g;
	uint64_t shape[SHAPES];	      /* 0: not there; of a list by layer the sum */
	bool by_layer[SHAPES];	      /* it was such a list */
	const char *of_shape[SHAPES]; /* the architecture that its key named */
};

static int need(struct reader *r, void *to, uint64_t n, struct err *err)
{
	if (n > r->size - r->at)
		return err_set(err, ERR_VERIFY, "truncated: it ends in its head");
	if (n > head_max || r->at + n > head_max)
		return err_set(err, ERR_VERIFY, "a head of more than %s", str_bytes(head_max));
	r->at += n;
	if (to ? fread(to, 1, n, r->f) == n : fseeko(r->f, (off_t)n, SEEK_CUR) == 0)
		return 0;
	return ferror(r->f) ? err_sys(err, errno, "read") : err_set(err, ERR_VERIFY, "it became shorter");
}

static int need_u32(struct reader *r, uint32_t *ret, struct err *err)
{
	if (need(r, ret, sizeof *ret, err) < 0)
		return -1;
	*ret = le32toh(*ret);
	return 0;
}

static int need_u64(struct reader *r, uint64_t *ret, struct err *err)
{
	if (need(r, ret, sizeof *ret, err) < 0)
		return -1;
	*ret = le64toh(*ret);
	return 0;
}

/* A text, or only over it when `ret` is NULL. The caller frees it. */
static int need_text(struct reader *r, char **ret, struct err *err)
{
	uint64_t n;

	if (need_u64(r, &n, err) < 0)
		return -1;
	if (!ret)
		return need(r, NULL, n, err);
	if (n > NAME_MAX_LEN)
		return err_set(err, ERR_VERIFY, "a name of %" PRIu64 " bytes", n);
	*ret = xcalloc(n + 1, 1);
	return need(r, *ret, n, err);
}

static int skip(struct reader *r, uint32_t type, unsigned depth, struct err *err);

static int skip_items(struct reader *r, uint32_t type, uint64_t n, unsigned depth, struct err *err)
{
	if (type < TYPES && width[type]) {
		if (n > r->size / width[type])
			return err_set(err, ERR_VERIFY, "truncated: it ends in its head");
		return need(r, NULL, n * width[type], err);
	}
	/* Each text or list takes 8 bytes at least, so a large count ends with the file. */
	for (uint64_t i = 0; i < n; i++)
		if (skip(r, type, depth + 1, err) < 0)
			return -1;
	return 0;
}

static int skip(struct reader *r, uint32_t type, unsigned depth, struct err *err)
{
	uint64_t n;

	if (type >= TYPES || depth > DEPTH_MAX)
		return err_set(err, ERR_VERIFY, "a value of the unknown type %" PRIu32, type);
	if (type == STRING)
		return need_text(r, NULL, err);
	if (type != ARRAY)
		return need(r, NULL, width[type], err);
	if (need_u32(r, &type, err) < 0 || need_u64(r, &n, err) < 0)
		return -1;
	return skip_items(r, type, n, depth, err);
}

static int read_architecture(struct reader *r, struct err *err)
{
	_cleanup_free_ char *text = NULL;

	if (need_text(r, &text, err) < 0)
		return -1;
	if (!*text || strlen(text) > 64 ||
		text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")])
		return err_set(err, ERR_VERIFY, "general.architecture: not a name");
	r->g.architecture = arena_strdup(r->arena, text);
	return 0;
}

static int need_number(struct reader *r, uint32_t type, uint64_t *ret, struct err *err)
{
	uint32_t narrow = 0;

	if (type == U64 || type == I64)
		return need_u64(r, ret, err);
	if (need_u32(r, &narrow, err) < 0)
		return -1;
	*ret = narrow;
	return 0;
}

/* Sums that stop at the largest number, which no machine has. */
static uint64_t times(uint64_t a, uint64_t b)
{
	return __builtin_mul_overflow(a, b, &a) || a > INT64_MAX ? INT64_MAX : a;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) || a > INT64_MAX ? INT64_MAX : a;
}

/* A number, or one for each layer. Of other types it is passed over. */
static int read_shape(struct reader *r, enum shape what, uint32_t type, const char *key, struct err *err)
{
	uint64_t n = 1, v, sum = 0;
	uint32_t of = type;

	if (type == ARRAY && (need_u32(r, &of, err) < 0 || need_u64(r, &n, err) < 0))
		return -1;
	if (of != U32 && of != I32 && of != U64 && of != I64) {
		if (type != ARRAY)
			return skip(r, type, 0, err);
		return skip_items(r, of, n, 0, err);
	}
	for (uint64_t i = 0; i < n; i++)
		if (need_number(r, of, &v, err) < 0)
			return -1;
		else
			sum = plus(sum, v);
	r->shape[what] = sum;
	r->by_layer[what] = type == ARRAY;
	r->of_shape[what] = arena_strndup(r->arena, key, strlen(key) - strlen(shapes[what]) - 1);
	return 0;
}

/* The number of a shape when the key is that of one: ARCHITECTURE.NAME, and no model within the model. */
static enum shape shape_of(const char *key)
{
	const char *dot = strchr(key, '.');

	for (enum shape i = 0; dot && i < SHAPES; i++)
		if (strcmp(dot + 1, shapes[i]) == 0)
			return i;
	return SHAPES;
}

static uint64_t shape(const struct reader *r, enum shape what)
{
	return r->of_shape[what] && strcmp(r->of_shape[what], r->g.architecture) == 0 ? r->shape[what] : 0;
}

/* Keys and values of one token, 2 bytes a number. */
static uint64_t token_bytes(const struct reader *r)
{
	uint64_t layers = shape(r, LAYERS), heads = shape(r, KV_HEADS), key = shape(r, KEY), value = shape(r, VALUE);
	uint64_t wide = shape(r, HEADS) && !r->by_layer[HEADS] ? shape(r, WIDTH) / shape(r, HEADS) : 0;
	bool by_layer = heads && r->by_layer[KV_HEADS];

	if (!heads) {
		heads = shape(r, HEADS);
		by_layer = r->by_layer[HEADS];
	}
	if (!by_layer)
		heads = times(heads, layers);
	return times(2, times(heads, plus(key ? key : wide, value ? value : wide)));
}

static int read_pair(struct reader *r, struct err *err)
{
	_cleanup_free_ char *key = NULL;
	uint32_t type, number;

	if (need_text(r, &key, err) < 0 || need_u32(r, &type, err) < 0)
		return -1;
	if (strcmp(key, "general.architecture") == 0 && type == STRING)
		return read_architecture(r, err);
	enum shape what = shape_of(key);
	if (what != SHAPES)
		return read_shape(r, what, type, key, err);
	if (strcmp(key, "general.file_type") != 0 || type != U32)
		return skip(r, type, 0, err);
	if (need_u32(r, &number, err) < 0)
		return -1;
	if (number < ARRAY_SIZE(quantisations) && quantisations[number])
		r->g.quantisation = quantisations[number];
	return 0;
}

static int read_tensor(struct reader *r, uint64_t *furthest, struct err *err)
{
	uint64_t elements = 1, dim, offset;
	uint32_t dims, type;

	if (need_text(r, NULL, err) < 0 || need_u32(r, &dims, err) < 0)
		return -1;
	if (dims > DIMS_MAX)
		return err_set(err, ERR_VERIFY, "a tensor of %" PRIu32 " dimensions", dims);
	for (uint32_t i = 0; i < dims; i++)
		if (need_u64(r, &dim, err) < 0)
			return -1;
		else if (__builtin_mul_overflow(elements, dim, &elements))
			return err_set(err, ERR_VERIFY, "a tensor larger than any memory");
	if (need_u32(r, &type, err) < 0 || need_u64(r, &offset, err) < 0)
		return -1;
	if (__builtin_add_overflow(r->g.parameters, elements, &r->g.parameters))
		return err_set(err, ERR_VERIFY, "tensors larger than any memory");
	*furthest = offset > *furthest ? offset : *furthest;
	return 0;
}

static int read_head(struct reader *r, struct err *err)
{
	uint64_t tensors, pairs, furthest = 0;
	uint32_t version;
	char magic[4];

	if (r->size < 24 || need(r, magic, 4, err) < 0 || memcmp(magic, "GGUF", 4) != 0)
		return err_set(err, ERR_VERIFY, "no GGUF file");
	if (need_u32(r, &version, err) < 0)
		return -1;
	if (version != 2 && version != 3)
		return err_set(
			err, ERR_VERIFY, "GGUF of version %" PRIu32 ", kiln reads 2 and 3, little-endian", version);
	if (need_u64(r, &tensors, err) < 0 || need_u64(r, &pairs, err) < 0)
		return -1;
	if (tensors > TENSORS_MAX || pairs > KEYS_MAX)
		return err_set(err, ERR_VERIFY, "%" PRIu64 " tensors and %" PRIu64 " keys: more than any model has",
			tensors, pairs);
	for (uint64_t i = 0; i < pairs; i++)
		if (read_pair(r, err) < 0)
			return -1;
	for (uint64_t i = 0; i < tensors; i++)
		if (read_tensor(r, &furthest, err) < 0)
			return -1;
	if (tensors && furthest >= r->size - r->at)
		return err_set(err, ERR_VERIFY, "truncated: its last tensor begins after its end");
	if (!r->g.architecture)
		return err_set(err, ERR_VERIFY, "it does not say its general.architecture");
	r->g.token = token_bytes(r);
	return 0;
}

int gguf_read(const char *path, struct arena *arena, struct gguf *ret, struct err *err)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	struct reader r = {.f = f, .arena = arena, .g.quantisation = "unknown"};
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0)
		return err_sys(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s: no regular file", path);
	r.size = r.g.size = (uint64_t)st.st_size;
	if (read_head(&r, err) < 0)
		return err_wrap(err, "%s", path);
	*ret = r.g;
	return 0;
}

char *gguf_count(uint64_t n)
{
	const uint64_t billion = 1000000000, million = 1000000;

	if (n >= billion)
		return n % billion ? xasprintf("%.1fB", (double)n / (double)billion)
				   : xasprintf("%" PRIu64 "B", n / billion);
	if (n >= million)
		return n % million ? xasprintf("%.2fM", (double)n / (double)million)
				   : xasprintf("%" PRIu64 "M", n / million);
	return n >= 1000 ? xasprintf("%.0fK", (double)n / 1000) : xasprintf("%" PRIu64, n);
}
