#include "oci/export.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "oci/manifest.h"
#include "tree/tar.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_digest(const void *a, const void *b)
{
	return strcmp((*(const struct blob_ref *const *)a)->digest, (*(const struct blob_ref *const *)b)->digest);
}

/* All blobs, each once, in the order of their names; `v` has room for a NULL behind them. */
static size_t list_blobs(const struct image_pin *pin, const struct blob_ref **v)
{
	size_t n = 0, k = 0;

	while ((v[n] = pin_blob(pin, n)))
		n++;
	qsort(v, n, sizeof *v, by_digest);
	for (size_t i = 0; i < n; i++)
		if (k == 0 || strcmp(v[k - 1]->digest, v[i]->digest) != 0)
			v[k++] = v[i];
	return k;
}

static char *index_json(const char *name, const struct image_pin *pin)
{
	const struct blob_ref *root = pin->index.digest ? &pin->index : &pin->manifest;
	_cleanup_json_ json_t *j = json_pack("{s:i, s:s, s:[{s:s, s:s+, s:I}]}", "schemaVersion", 2, "mediaType",
		TYPE_OCI_INDEX, "manifests", "mediaType", root->type, "digest", "sha256:", root->digest, "size",
		(json_int_t)root->size);

	if (name)
		json_object_set_new(json_array_get(json_object_get(j, "manifests"), 0), "annotations",
			json_pack("{s:s}", "org.opencontainers.image.ref.name", name));
	return json_compact(j);
}

int archive_blob(
	struct tar_out *t, const struct cache *c, const char *name, const char *hex, uint64_t size, struct err *err)
{
	_cleanup_free_ char *path = cache_blob_path(c, hex);
	struct tar_member m = {.name = name, .type = '0', .mode = 0644, .size = size};
	int good = cache_verify(c, hex, size, err);

	if (good < 0)
		return -1;
	if (good == 0)
		return err_set(err, ERR_VERIFY, "blob sha256:%s is not in the cache", hex);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "%s", path) : tar_add_fd(t, &m, fd, err);
}

static int add_blob(struct tar_out *t, const struct cache *c, const struct blob_ref *b, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("blobs/sha256/%s", b->digest);

	return archive_blob(t, c, name, b->digest, b->size, err);
}

struct image_content {
	const struct cache *cache;
	const char *name;
	const struct image_pin *pin;
};

static int write_all(struct tar_out *t, void *arg, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	const struct image_content *content = arg;
	const struct image_pin *pin = content->pin;
	const char *name = content->name;
	_cleanup_free_ const struct blob_ref **v = xcalloc(pin->n_layers + 4, sizeof *v);
	_cleanup_free_ char *index = index_json(name, pin);
	size_t n = list_blobs(pin, v);

	if (tar_dir(t, "blobs/", 0755, 0, err) < 0 || tar_dir(t, "blobs/sha256/", 0755, 0, err) < 0)
		return -1;
	struct progress_step *step = progress_begin("export", name ? name : "image", n, PROGRESS_COUNT);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = add_blob(t, content->cache, v[i], err);
		progress_add(step, 1);
	}
	progress_end(step, r == 0);
	if (r < 0 || tar_file(t, "index.json", 0, index, strlen(index), err) < 0)
		return -1;
	return tar_file(t, "oci-layout", 0, version, strlen(version), err) < 0 ? -1 : tar_end(t, err);
}

int archive_write(
	const char *path, int (*fill)(struct tar_out *t, void *arg, struct err *err), void *arg, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.XXXXXX", path);
	_cleanup_fd_ int fd = mkostemp(tmp, O_CLOEXEC);
	struct tar_fd_sink sink;
	struct tar_out t = {0};

	if (fd < 0)
		return err_sys(err, errno, "make %s", tmp);
	tar_fd_sink_init(&sink, fd);
	t.sink = &sink.sink;
	int r = fill(&t, arg, err);
	tar_release(&t);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
		r = err_sys(err, errno, "write %s", path);
	if (r < 0)
		unlink(tmp);
	return r;
}

int image_export(
	const struct cache *c, const char *name, const struct image_pin *pin, const char *path, struct err *err)
{
	struct image_content content = {.cache = c, .name = name, .pin = pin};

	return archive_write(path, write_all, &content, err);
}
