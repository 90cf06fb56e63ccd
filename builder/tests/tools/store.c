/*
 * A container store from images of an OCI layout, for test scripts.
 *   store LAYOUT TREE OUT THREADS SCRATCH REFERENCE...   TREE holds sqfstar; REFERENCE as in index.json, and podman's
 * name for it; indexes of the layers go to SCRATCH. Prints the report. OUT "-": the stream is made and thrown away,
 * without sqfstar; printed are the most KiB of memory that the indexes took, its bytes, and the most KiB that writing
 * it took.
 */
#include "oci/store.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/vec.h"
#include "oci/manifest.h"
#include "tree/namespace.h"

struct job {
	const char *layout, *scratch;
	struct arena arena;
	VEC(struct upstream_layer) layers; /* of all images, each once */
};

static char *blob_path(struct job *j, const char *digest)
{
	return arena_printf(&j->arena, "%s/blobs/sha256/%s", j->layout, digest);
}

static int read_document(struct job *j, const char *digest, struct upstream_blob *ret, struct err *err)
{
	_cleanup_free_ char *text = path_read(blob_path(j, digest), DOCUMENT_MAX, &ret->len, err);
	if (!text)
		return -1;
	ret->data = arena_strndup(&j->arena, text, ret->len);
	ret->digest = arena_strdup(&j->arena, digest);
	return 0;
}

static const char *find_reference(const json_t *index, const char *reference)
{
	size_t i;
	json_t *m;
	json_array_foreach(json_object_get(index, "manifests"), i, m)
	{
		const json_t *notes = json_object_get(m, "annotations");
		const char *name = json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name"));
		const char *digest = json_string_value(json_object_get(m, "digest"));
		if (str_eq(name, reference) && digest && str_starts(digest, "sha256:"))
			return digest + 7;
	}
	return NULL;
}

static void add_layers(struct job *j, const struct image_pin *pin, struct upstream_image *to)
{
	struct upstream_layer *all = arena_alloc(&j->arena, pin->n_layers * sizeof *all);
	for (size_t i = 0; i < pin->n_layers; i++) {
		const struct pin_layer *p = &pin->layers[i];
		all[i] = (struct upstream_layer){.path = blob_path(j, p->blob.digest),
			.digest = p->blob.digest,
			.size = p->blob.size,
			.media_type = p->blob.type,
			.diff_id = p->diff_id,
			.index = arena_printf(&j->arena, "%s/%s", j->scratch, p->blob.digest)};
		size_t k = 0;
		while (k < j->layers.n && !str_eq(j->layers.v[k].digest, all[i].digest))
			k++;
		if (k == j->layers.n)
			vec_push(&j->layers, all[i]);
	}
	to->layers = all;
	to->n_layers = pin->n_layers;
}

static int read_image(
	struct job *j, const json_t *index, const char *reference, struct upstream_image *to, struct err *err)
{
	const struct platform *amd64 = platform_of("amd64");
	const char *digest = find_reference(index, reference), *type;
	enum document_kind kind;
	struct image_pin pin = {0};
	*to = (struct upstream_image){.arch = "amd64", .reference = reference};
	if (!digest)
		return err_set(err, ERR_USAGE, "no %s in %s", reference, j->layout);
	if (read_document(j, digest, &to->manifest, err))
		return -1;
	struct document d = {.text = to->manifest.data, .len = to->manifest.len, .name = reference};
	if (manifest_kind(&d, &kind, &type, err))
		return -1;
	if (kind == DOCUMENT_INDEX) {
		struct blob_ref found;
		to->index = to->manifest;
		if (index_choose(&d, amd64, &j->arena, &found, err) ||
			read_document(j, found.digest, &to->manifest, err))
			return -1;
		d = (struct document){.text = to->manifest.data, .len = to->manifest.len, .name = reference};
	}
	if (manifest_read(&d, &j->arena, &pin, err) || read_document(j, pin.config.digest, &to->config, err))
		return -1;
	d = (struct document){.text = to->config.data, .len = to->config.len, .name = reference};
	if (config_read(&d, amd64, &j->arena, &pin, err))
		return -1;
	add_layers(j, &pin, to);
	return 0;
}

static int index_one(size_t i, void *arg, struct err *err)
{
	return upstream_index(&((struct job *)arg)->layers.v[i], err);
}

/* Of this program's own memory: getrusage would tell of who started it as well. */
static uint64_t peak_kib(void)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = path_read("/proc/self/status", 1 << 16, NULL, &ignored);
	const char *at = text ? strstr(text, "\nVmHWM:") : NULL;

	return at ? strtoull(at + strlen("\nVmHWM:"), NULL, 10) : 0;
}

static int throw_away(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	(void)s, (void)data, (void)n, (void)err;
	return 0;
}

/* As squash_build has it, but for who reads. */
static int stream(void *arg, struct err *err)
{
	struct tar_sink sink = {.write = throw_away};
	struct tar_out out = {.sink = &sink};
	struct store *s = store_plan(arg, err);
	int r = s ? store_write(s, &out, 1700000000, err) : -1;
	if (!r)
		r = tar_end(&out, err);
	if (!r)
		printf("%llu %llu\n", (unsigned long long)out.bytes, (unsigned long long)peak_kib());
	fflush(stdout);
	tar_release(&out);
	store_free(s);
	return r;
}

static int run(struct job *j, char **argv, size_t n, struct err *err)
{
	uint64_t threads;
	_cleanup_free_ char *path = path_join(j->layout, "index.json");
	_cleanup_json_ json_t *index = json_read(path, DOCUMENT_MAX, err), *report = NULL;
	_cleanup_free_ struct upstream_image *images = xcalloc(n, sizeof *images);
	if (!index)
		return -1;
	if (!str_to_u64(argv[3], &threads))
		return err_set(err, ERR_USAGE, "THREADS: a number");
	for (size_t i = 0; i < n; i++)
		if (read_image(j, index, argv[5 + i], &images[i], err))
			return -1;
	if (pool_map(j->layers.n, (unsigned)threads, index_one, j, err))
		return -1;
	const char *const tools[] = {argv[1], NULL};
	struct squash_opts o = {.tools = tools, .out = argv[2], .epoch = 1700000000, .threads = (unsigned)threads};
	struct store_spec spec = {.upstream = images, .n_upstream = n};
	if (str_eq(argv[2], "-")) {
		printf("%llu ", (unsigned long long)peak_kib());
		fflush(stdout);
		return ns_call(stream, &spec, err);
	}
	if (store_build(&o, &spec, &report, err))
		return -1;
	_cleanup_free_ char *text = json_canonical(report);
	printf("%s", text);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err e = ERR_INIT;
	if (argc < 7) {
		fprintf(stderr, "usage: see the top of store.c\n");
		return 1;
	}
	struct job j = {.layout = argv[1], .scratch = argv[5]};
	int r = run(&j, argv + 1, (size_t)argc - 6, &e);
	if (r)
		fprintf(stderr, "store: %s\n", e.msg);
	vec_release(&j.layers);
	arena_release(&j.arena);
	return r ? 1 : 0;
}
