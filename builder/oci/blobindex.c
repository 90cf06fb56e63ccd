#include "oci/blobindex.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "oci/tarsplit.h"
#include "tree/tarread.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RATIO 200		  /* no file system's tar packs better, but for holes */
#define SMALL (64ULL << 20)	  /* what a small blob may unpack to all the same */
#define LINE_MAX_BYTES (8U << 20) /* of a tar-split: TAR_RAW_MAX as base64 and a little */

struct blob upstream_blob_of(const struct upstream_layer *l)
{
	uint64_t limit = l->diff_size;
	if (!limit)
		limit = l->size > INT64_MAX / RATIO ? INT64_MAX : l->size * RATIO;
	if (!l->diff_size && limit < SMALL)
		limit = SMALL;
	return (struct blob){
		.path = l->path, .digest = l->digest, .diff_id = l->diff_id, .size = l->size, .limit = limit};
}

/* A blob on its way into its index. */
struct indexer {
	struct tar_reader *reader;
	struct tarsplit split;
	struct members members;
};

static int on_bytes(void *arg, const void *data, size_t n, struct err *err)
{
	return tarsplit_add(&((struct indexer *)arg)->split, data, n, err);
}

static int on_member(void *arg, const struct tar_member *m, struct err *err)
{
	struct indexer *x = arg;
	return tarsplit_member(&x->split, m, err) ? -1 : members_add(&x->members, m, err);
}

static int on_blob(const void *data, size_t n, void *arg, struct err *err)
{
	return tar_reader_feed(((struct indexer *)arg)->reader, data, n, err);
}

static int index_blob(const struct upstream_layer *l, struct indexer *x, int split_fd, int info_fd, struct err *err)
{
	struct blob blob = upstream_blob_of(l);
	struct blob_found found;
	if (tarsplit_begin(&x->split, split_fd, err) || blob_read(&blob, on_blob, x, &found, err) ||
		tar_reader_end(x->reader, err) || members_end(&x->members, err) || tarsplit_end(&x->split, err))
		return -1;
	struct layer_info i = {.size = found.unpacked,
		.uids = x->members.uids.v,
		.gids = x->members.gids.v,
		.n_uids = x->members.uids.n,
		.n_gids = x->members.gids.n};
	memcpy(i.diff_id, l->diff_id, sizeof i.diff_id);
	return layer_info_write(info_fd, &i, err);
}

static int create(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, errno, "%s", path) : fd;
}

static int index_files(const struct upstream_layer *l, const char *split, const char *info, struct err *err)
{
	static const struct tar_events events = {.raw = on_bytes, .member = on_member, .content = on_bytes};
	_cleanup_fd_ int split_fd = create(split, err);
	_cleanup_fd_ int info_fd = split_fd < 0 ? -1 : create(info, err);
	if (info_fd < 0)
		return -1;
	struct indexer x = {.reader = NULL};
	x.reader = tar_reader_new(&events, &x);
	int r = index_blob(l, &x, split_fd, info_fd, err);
	tar_reader_free(x.reader);
	tarsplit_release(&x.split);
	members_release(&x.members);
	return r;
}

int upstream_index(const struct upstream_layer *l, struct err *err)
{
	bool made = !path_exists(l->index);
	_cleanup_free_ char *info = path_join(l->index, "layer.json"), *split = path_join(l->index, "tar-split.gz");
	if (path_mkdirs(l->index, err))
		return -1;
	if (!index_files(l, split, info, err))
		return 0;
	unlink(info);
	unlink(split);
	if (made)
		rmdir(l->index);
	return err_wrap(err, "layer sha256:%s", l->digest);
}

/* A tar-split read back: the raw records are the archive's headers, the contents are skipped. */
struct loader {
	struct tar_reader *reader;
	struct members *members;
	struct strbuf line;
	uint64_t size; /* of the member just reported */
};

static int load_member(void *arg, const struct tar_member *m, struct err *err)
{
	struct loader *x = arg;
	x->size = m->size;
	return members_add(x->members, m, err);
}

static int load_content(void *arg, const void *data, size_t n, struct err *err)
{
	(void)arg;
	(void)data;
	(void)n;
	return err_set(err, ERR_VERIFY, "headers where a content was expected");
}

static int load_line(struct loader *x, struct err *err)
{
	_cleanup_json_ json_t *j = json_parse(x->line.s, x->line.len, "record", err);
	if (!j)
		return -1;
	if (json_integer_value(json_object_get(j, "type")) != 2) {
		if ((uint64_t)json_integer_value(json_object_get(j, "size")) != x->size)
			return err_set(err, ERR_VERIFY, "a content of another size than its header says");
		tar_reader_skip(x->reader);
		return 0;
	}
	const char *payload = json_need_str(j, "payload", err);
	if (!payload)
		return -1;
	_cleanup_strbuf_ struct strbuf raw = STRBUF_INIT;
	if (!base64_decode(&raw, payload))
		return err_set(err, ERR_VERIFY, "a payload that is not base64");
	return tar_reader_feed(x->reader, raw.s, raw.len, err);
}

static int load_bytes(const void *data, size_t n, void *arg, struct err *err)
{
	struct loader *x = arg;
	for (const char *p = data, *end = p + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		strbuf_add(&x->line, p, (size_t)((nl ? nl : end) - p));
		if (x->line.len > LINE_MAX_BYTES)
			return err_set(err, ERR_VERIFY, "a record of more than %u bytes", LINE_MAX_BYTES);
		if (!nl)
			return 0;
		if (load_line(x, err))
			return -1;
		strbuf_reset(&x->line);
		p = nl + 1;
	}
	return 0;
}

static int load_split(const char *path, struct members *members, struct err *err)
{
	static const struct tar_events events = {.member = load_member, .content = load_content};
	struct stat st;
	struct blob_found found;
	if (stat(path, &st))
		return err_sys(err, errno, "%s", path);
	struct blob b = {.path = path, .size = (uint64_t)st.st_size, .limit = INT64_MAX};
	struct loader x = {.members = members};
	x.reader = tar_reader_new(&events, &x);
	int r = blob_read(&b, load_bytes, &x, &found, err);
	if (!r)
		r = tar_reader_end(x.reader, err);
	if (!r)
		r = members_end(members, err);
	tar_reader_free(x.reader);
	strbuf_release(&x.line);
	return r ? err_wrap(err, "%s", path) : 0;
}

int upstream_index_read(
	const struct upstream_layer *l, struct layer_info *info, struct members *members, struct err *err)
{
	_cleanup_free_ char *split = path_join(l->index, "tar-split.gz");
	if (layer_info_read(l->index, info, err))
		return -1;
	if (strcmp(info->diff_id, l->diff_id))
		return err_set(err, ERR_VERIFY, "%s: the index of another layer", l->index);
	return load_split(split, members, err);
}
