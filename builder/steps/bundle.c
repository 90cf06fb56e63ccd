#include "steps/bundle.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "oci/export.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void add(struct bundle_list *b, const char *hex, uint64_t size, char *what)
{
	b->v[b->n++] =
		(struct bundle_blob){.hex = hex, .size = size, .name = xasprintf("sha256/%s", hex), .what = what};
}

static void add_image(struct bundle_list *b, const struct lock_image *i)
{
	const struct image_pin *p = &i->pin;

	if (p->index.digest)
		add(b, p->index.digest, p->index.size, xasprintf("the index of image %s", i->name));
	add(b, p->manifest.digest, p->manifest.size, xasprintf("the manifest of image %s", i->name));
	add(b, p->config.digest, p->config.size, xasprintf("the config of image %s", i->name));
	for (size_t k = 0; k < p->n_layers; k++)
		add(b, p->layers[k].blob.digest, p->layers[k].blob.size,
			xasprintf("layer %zu of image %s", k + 1, i->name));
}

static void add_model(struct bundle_list *b, const struct lock_model *m)
{
	const struct blob_ref *blob;

	for (size_t k = 0; (blob = model_blob(&m->pin, k)); k++)
		add(b, blob->digest, blob->size, xasprintf("the %s of model %s", model_part(&m->pin, k), m->name));
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct bundle_blob *)a)->hex, ((const struct bundle_blob *)b)->hex);
}

static void blob_release(struct bundle_blob *b)
{
	free(b->name);
	free(b->what);
}

void bundle_list_release(struct bundle_list *b)
{
	for (size_t i = 0; i < b->n; i++)
		blob_release(&b->v[i]);
	free(b->v);
	*b = (struct bundle_list){0};
}

static void add_layers(struct bundle_list *b, const struct carried *m)
{
	for (size_t i = 0; m && i < m->n; i++) {
		const struct carried_layer *l = &m->v[i];
		if (!l->there)
			continue;
		b->v[b->n++] = (struct bundle_blob){.hex = l->hex,
			.size = l->size,
			.name = xasprintf("steps/%s/layer.tar", l->step),
			.what = xstrdup("a derived layer"),
			.layer = l};
		b->bytes += l->size;
	}
}

/* Images share layers. */
static int each_once(struct bundle_list *b, struct err *err)
{
	size_t k = 0;
	int r = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (k == 0 || strcmp(b->v[k - 1].hex, b->v[i].hex) != 0) {
			b->v[k++] = b->v[i];
			b->bytes += b->v[i].size;
			continue;
		}
		if (r == 0 && b->v[k - 1].size != b->v[i].size)
			r = err_set(err, ERR_VERIFY, "the lock gives sha256:%s two sizes", b->v[i].hex);
		blob_release(&b->v[i]);
	}
	b->n = k;
	return r;
}

int bundle_list(const struct lock *l, const struct carried *m, struct bundle_list *ret, struct err *err)
{
	_cleanup_bundle_list_ struct bundle_list b = {0};
	size_t n = l->packages.n + (m ? m->n : 0);

	for (size_t i = 0; i < l->images.n; i++)
		n += l->images.v[i].pin.n_layers + 3;
	for (size_t i = 0; i < l->models.n; i++)
		n += l->models.v[i].pin.n_layers + 2;
	b.v = xcalloc(n + 1, sizeof *b.v);
	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *p = &l->packages.v[i];
		add(&b, p->sha256, p->size, xasprintf("package %s %s", p->name, p->version));
	}
	for (size_t i = 0; i < l->images.n; i++)
		add_image(&b, &l->images.v[i]);
	for (size_t i = 0; i < l->models.n; i++)
		add_model(&b, &l->models.v[i]);
	qsort(b.v, b.n, sizeof *b.v, by_hex);
	if (each_once(&b, err) < 0)
		return -1;
	add_layers(&b, m);
	*ret = b;
	b = (struct bundle_list){0};
	return 0;
}

struct content {
	const struct cache *cache;
	const char *lock, *layers; /* their texts; NULL: no layers */
	const struct bundle_list *blobs;
	struct progress_step *step;
};

/* What rotted since its step ran is in no bundle. */
static int add_layer(struct tar_out *t, const struct cache *c, const struct bundle_blob *b, struct err *err)
{
	_cleanup_free_ char *path = cache_path(c, b->name);
	struct tar_member m = {.name = b->name, .type = '0', .mode = 0644, .size = b->size};
	char hex[HASH_HEX];

	if (hash_file(path, hex, err) < 0)
		return -1;
	if (strcmp(hex, b->hex) != 0) {
		err_set(err, ERR_VERIFY, "%s is damaged: its SHA-256 is %s", path, hex);
		return err_hint(err, "\"kiln cache verify\" drops it, the next build makes it again");
	}
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "%s", path) : tar_add_fd(t, &m, fd, err);
}

static int fill(struct tar_out *t, void *arg, struct err *err)
{
	const struct content *c = arg;

	if (tar_file(t, "lock", 0, c->lock, strlen(c->lock), err) < 0 ||
		(c->layers && tar_file(t, "derived", 0, c->layers, strlen(c->layers), err) < 0))
		return -1;
	for (size_t i = 0; i < c->blobs->n; i++) {
		const struct bundle_blob *b = &c->blobs->v[i];
		if ((b->layer ? add_layer(t, c->cache, b, err)
			      : archive_blob(t, c->cache, b->name, b->hex, b->size, err)) < 0)
			return err_wrap(err, "%s", b->what);
		progress_add(c->step, b->size);
	}
	return tar_end(t, err);
}

int bundle_write(
	const struct lock *l, const struct carried *m, const struct cache *c, const char *path, struct err *err)
{
	_cleanup_bundle_list_ struct bundle_list blobs = {0};
	_cleanup_free_ char *text = lock_text(l), *layers = m ? carried_text(m) : NULL;
	struct content content = {.cache = c, .lock = text, .layers = layers, .blobs = &blobs};

	if (bundle_list(l, m, &blobs, err) < 0)
		return -1;
	content.step = progress_begin("bundle", path_base(path), blobs.bytes, PROGRESS_BYTES);
	int r = archive_write(path, fill, &content, err);
	progress_end(content.step, r == 0);
	return r;
}
