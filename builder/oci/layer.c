#include "oci/layer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "oci/idset.h"
#include "oci/tarsplit.h"
#include "tree/namespace.h"
#include "tree/tar.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* One layer on its way through the hash and into its index. */
struct indexer {
	struct tar_sink sink; /* first: the sink's functions find the rest by it */
	const struct layer *layer;
	uint64_t epoch;
	int split_fd, info_fd;
	struct tar_out out;
	struct hash *hash;
	struct tarsplit split;
	id_set uids, gids;
};

static int sink_write(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	struct indexer *x = (struct indexer *)s;
	hash_add(x->hash, data, n);
	return tarsplit_add(&x->split, data, n, err);
}

static int sink_member(struct tar_sink *s, const struct tar_member *m, struct err *err)
{
	return tarsplit_member(&((struct indexer *)s)->split, m, err);
}

static int index_node(const struct node *n, void *arg, struct err *err)
{
	struct indexer *x = arg;
	if (*n->path && n->kind != NODE_WHITEOUT) {
		id_add(&x->uids, n->uid);
		id_add(&x->gids, n->gid);
	}
	return tar_node(&x->out, "", n, TAR_LAYER, err);
}

static json_t *id_array(const uint32_t *ids, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_integer(ids[i]));
	return a;
}

int layer_info_write(int fd, const struct layer_info *i, struct err *err)
{
	_cleanup_json_ json_t *j = json_pack("{s:s, s:I, s:I, s:o, s:o}", "diff_id", i->diff_id, "size",
		(json_int_t)i->size, "epoch", (json_int_t)i->epoch, "uids", id_array(i->uids, i->n_uids), "gids",
		id_array(i->gids, i->n_gids));
	_cleanup_free_ char *text = json_canonical(j);
	return fd_write_all(fd, text, strlen(text)) ? err_sys(err, errno, "writing layer.json") : 0;
}

static int write_info(struct indexer *x, struct err *err)
{
	struct layer_info i = {.size = x->out.bytes,
		.epoch = x->epoch,
		.uids = x->uids.v,
		.gids = x->gids.v,
		.n_uids = x->uids.n,
		.n_gids = x->gids.n};
	hash_end(steal(x->hash), i.diff_id);
	return layer_info_write(x->info_fd, &i, err);
}

/* In the namespace; both files are open already, so that the directory may be anybody's. */
static int index_in_namespace(void *arg, struct err *err)
{
	struct indexer *x = arg;
	size_t own;
	_cleanup_free_ const char **stack = layer_stack(x->layer, &own);
	struct walk_opts w = {.layers = stack, .own = own, .epoch = x->epoch};
	x->sink = (struct tar_sink){.write = sink_write, .member = sink_member};
	x->out.sink = &x->sink;
	x->hash = hash_new();
	int r = tarsplit_begin(&x->split, x->split_fd, err);
	if (!r)
		r = walk_stack(&w, index_node, x, err);
	if (!r)
		r = tar_end(&x->out, err);
	if (!r)
		r = tarsplit_end(&x->split, err);
	if (!r)
		r = write_info(x, err);
	if (x->hash) {
		char unused[HASH_HEX];
		hash_end(x->hash, unused);
	}
	tarsplit_release(&x->split);
	tar_release(&x->out);
	vec_release(&x->uids);
	vec_release(&x->gids);
	return r;
}

const char **layer_stack(const struct layer *l, size_t *ret_own)
{
	VEC(const char *) v = {0};
	for (const char *const *d = l->dirs; *d; d++)
		vec_push(&v, *d);
	*ret_own = v.n;
	for (const char *const *d = l->parents; d && *d; d++)
		vec_push(&v, *d);
	vec_push(&v, NULL);
	return v.v;
}

static int create(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, errno, "%s", path) : fd;
}

int layer_index(const struct layer *l, uint64_t epoch, struct err *err)
{
	_cleanup_free_ char *info = path_join(l->index, "layer.json");
	_cleanup_free_ char *split = path_join(l->index, "tar-split.gz");
	if (path_mkdirs(l->index, err))
		return -1;
	_cleanup_fd_ int split_fd = create(split, err);
	if (split_fd < 0)
		return -1;
	_cleanup_fd_ int info_fd = create(info, err);
	if (info_fd < 0)
		return -1;
	struct indexer x = {.layer = l, .epoch = epoch, .split_fd = split_fd, .info_fd = info_fd};
	if (!ns_call(index_in_namespace, &x, err))
		return 0;
	unlink(info);
	unlink(split);
	return err_wrap(err, "image layer %s", l->dirs[0]);
}

static int read_ids(const json_t *j, const char *key, uint32_t **ret, size_t *ret_n, struct err *err)
{
	json_t *a = json_need_array(j, key, err);
	if (!a)
		return -1;
	*ret = xcalloc(json_array_size(a) + 1, sizeof **ret);
	for (size_t i = 0; i < json_array_size(a); i++) {
		json_int_t v = json_integer_value(json_array_get(a, i));
		if (!json_is_integer(json_array_get(a, i)) || v < 0 || v > UINT32_MAX)
			return err_set(err, ERR_VERIFY, "%s: expected user or group numbers", key);
		(*ret)[(*ret_n)++] = (uint32_t)v;
	}
	return 0;
}

int layer_info_read(const char *index, struct layer_info *ret, struct err *err)
{
	_cleanup_free_ char *path = path_join(index, "layer.json");
	_cleanup_json_ json_t *j = json_read(path, 1 << 24, err);
	*ret = (struct layer_info){0};
	if (!j)
		return -1;
	const char *id = json_need_str(j, "diff_id", err);
	if (!id)
		return err_wrap(err, "%s", path);
	int r = strlen(id) == HASH_HEX - 1 && strspn(id, "0123456789abcdef") == HASH_HEX - 1
			? 0
			: err_set(err, ERR_VERIFY, "diff_id: expected 64 hexadecimal digits");
	if (r || json_need_u64(j, "size", &ret->size, err) || json_need_u64(j, "epoch", &ret->epoch, err) ||
		read_ids(j, "uids", &ret->uids, &ret->n_uids, err) ||
		read_ids(j, "gids", &ret->gids, &ret->n_gids, err)) {
		layer_info_release(ret);
		return err_wrap(err, "%s", path);
	}
	memcpy(ret->diff_id, id, HASH_HEX);
	return 0;
}

void layer_info_release(struct layer_info *i)
{
	free(i->uids);
	free(i->gids);
	*i = (struct layer_info){0};
}
