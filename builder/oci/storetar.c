/* The store as a tar stream: directories, then each layer, then the images; images.json last, so that a cut stream has
 * none. */
#include "base/mem.h"
#include "base/path.h"
#include "oci/storefmt.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "containers/"

struct tree_stream {
	struct store_stream *w;
	struct tar_out check; /* the layer's tar once more, to see that its digest holds */
};

static int put_dir(struct store_stream *w, uint32_t mode, const char *name, struct err *err)
{
	return tar_dir(w->t, name, mode, w->epoch, err);
}

static int put_text(struct store_stream *w, const char *name, const char *text, struct err *err)
{
	return tar_file(w->t, name, w->epoch, text, strlen(text), err);
}

struct hash_sink {
	struct tar_sink sink;
	struct hash *hash;
};

static int add_to_hash(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	(void)err;
	hash_add(((struct hash_sink *)s)->hash, data, n);
	return 0;
}

static int put_layer_node(const struct node *n, void *arg, struct err *err)
{
	struct tree_stream *x = arg;
	if (tar_node(x->w->t, x->w->prefix, n, TAR_OVERLAY, err))
		return -1;
	if (n->fd >= 0 && lseek(n->fd, 0, SEEK_SET) != 0)
		return err_sys(err, errno, "%s", n->path);
	return tar_node(&x->check, "", n, TAR_LAYER, err);
}

/*
 * The files under `prefix`. They come from a cache: that they are still those of the layer's digest is seen here and
 * nowhere later, since podman does not look.
 */
static int put_tree(struct store_stream *w, const struct store_layer *l, struct err *err)
{
	size_t own;
	_cleanup_free_ const char **stack = layer_stack(l->src, &own);
	struct walk_opts opts = {.layers = stack, .own = own, .epoch = l->info.epoch};
	struct hash_sink sink = {.sink.write = add_to_hash, .hash = hash_new()};
	struct tree_stream x = {.w = w, .check.sink = &sink.sink};
	int r = walk_stack(&opts, put_layer_node, &x, err);
	if (!r)
		r = tar_end(&x.check, err);
	tar_release(&x.check);
	char hex[HASH_HEX];
	hash_end(sink.hash, hex);
	if (!r && strcmp(hex, l->info.diff_id))
		r = err_set(
			err, ERR_VERIFY, "the files are not those of its digest: something changed them in the cache");
	return r ? err_wrap(err, "image layer %s", l->src->dirs[0]) : 0;
}

static int put_split(struct store_stream *w, const struct store_layer *l, struct err *err)
{
	char name[160];
	struct stat st;
	_cleanup_free_ char *path = path_join(l->src ? l->src->index : l->blob->index, "tar-split.gz");
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", path);
	snprintf(name, sizeof name, ROOT "overlay-layers/%s.tar-split.gz", l->id);
	struct tar_member m = {
		.name = name, .type = '0', .mode = 0644, .mtime = w->epoch, .size = (uint64_t)st.st_size};
	return tar_add_fd(w->t, &m, fd, err);
}

static int put_layer(struct store_stream *w, size_t layer, struct err *err)
{
	const struct store_layer *l = &w->s->layers.v[layer];
	char name[192], target[96];
	snprintf(name, sizeof name, ROOT "overlay/l/%s", l->link);
	snprintf(target, sizeof target, "../%s/diff", l->id);
	struct tar_member link = {.name = name, .type = '2', .mode = 0777, .mtime = w->epoch, .link = target};
	if (tar_add(w->t, &link, NULL, err))
		return -1;
	snprintf(name, sizeof name, ROOT "overlay/%s/", l->id);
	if (put_dir(w, 0755, name, err))
		return -1;
	snprintf(name, sizeof name, ROOT "overlay/%s/link", l->id);
	if (put_text(w, name, l->link, err))
		return -1;
	snprintf(name, sizeof name, ROOT "overlay/%s/lower", l->id);
	if (l->lower && put_text(w, name, l->lower, err))
		return -1;
	snprintf(w->prefix, sizeof w->prefix, ROOT "overlay/%s/diff/", l->id);
	/* The mode containers see on "/": that of the top layer's directory. */
	if (put_dir(w, 0555, w->prefix, err))
		return -1;
	if (l->src ? put_tree(w, l, err) : store_put_blob(w, layer, err))
		return -1;
	return put_split(w, l, err);
}

static int put_image(struct store_stream *w, const struct store_record *r, struct err *err)
{
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
	strbuf_addf(&name, ROOT "overlay-images/%s/", r->image.id);
	size_t len = name.len;
	if (put_dir(w, 0755, name.s, err))
		return -1;
	for (size_t i = 0; i < r->items.n; i++) {
		const struct store_item *item = &r->items.v[i];
		name.len = len;
		store_item_name(&name, item->key);
		if (tar_file(w->t, name.s, w->epoch, item->data, item->len, err))
			return -1;
	}
	return 0;
}

static int put_data_node(const struct node *n, void *arg, struct err *err)
{
	struct store_stream *w = arg;
	return tar_node(w->t, "data/", n, TAR_OVERLAY, err);
}

static int put_data(struct store_stream *w, struct err *err)
{
	const char *layers[] = {w->s->data, NULL};
	struct walk_opts opts = {.layers = layers, .plain = 1, .normalise = true, .epoch = w->epoch};
	return w->s->data ? walk_stack(&opts, put_data_node, w, err) : 0;
}

static int put_dirs(struct store_stream *w, struct err *err)
{
	static const char *const dirs[] = {
		ROOT, ROOT "overlay/", ROOT "overlay/l/", ROOT "overlay-images/", ROOT "overlay-layers/", "data/"};
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (put_dir(w, 0755, dirs[i], err))
			return -1;
	if (put_data(w, err))
		return -1;
	const struct store *store = w->s;
	return store->n_models ? store_put_models(w->t, "data/models/", w->epoch, store->models, store->n_models, err)
			       : 0;
}

int store_write(const struct store *s, struct tar_out *t, uint64_t epoch, struct err *err)
{
	struct store_stream w = {.s = s, .t = t, .epoch = epoch};
	_cleanup_free_ char *layers = store_layers_json(s);
	_cleanup_free_ char *images = store_images_json(s);
	if (put_dirs(&w, err))
		return -1;
	for (size_t i = 0; i < s->layers.n; i++)
		if (put_layer(&w, i, err))
			return -1;
	/* The lock files must exist: podman cannot make them on a read-only file system. */
	if (put_text(&w, ROOT "overlay-layers/layers.json", layers, err) ||
		put_text(&w, ROOT "overlay-layers/layers.lock", "", err))
		return -1;
	for (size_t i = 0; i < s->records.n; i++)
		if (put_image(&w, &s->records.v[i], err))
			return -1;
	if (put_text(&w, ROOT "overlay-images/images.lock", "", err))
		return -1;
	return put_text(&w, ROOT "overlay-images/images.json", images, err);
}
