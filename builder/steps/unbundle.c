/*
 * Reading a bundle, as a stream. Once its lock and its list of layers are known every header is, and is compared with
 * what kiln would write: what is no bundle is found at its first byte that is wrong.
 */
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "steps/bundle.h"
#include "tree/tar.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char list_name[] = "its list of derived layers";

enum { BLOCK = 512, CHUNK = 256 * 1024, NAME_MAX_LEN = 100, SIZE_AT = 124, SIZE_LEN = 11 };

struct reader {
	int fd;
	const char *path;
	struct cache *cache;  /* NULL: nothing is taken over */
	const char *where;    /* what is being read, for messages */
	uint64_t have;	      /* bytes read so far */
	uint8_t ahead[BLOCK]; /* of them, n_ahead are still to be taken */
	size_t n_ahead;
	struct carried layers;
	struct bundle_list blobs;
	size_t next;  /* of blobs */
	char *stage;  /* directory in CACHE/tmp for what is good so far */
	bool *staged; /* by blob; the cache has the others already */
	uint8_t *chunk;
};

/* Up to n bytes; fewer only at the end of the file. */
static int take(struct reader *r, void *to, size_t n, size_t *got, struct err *err)
{
	*got = r->n_ahead < n ? r->n_ahead : n;
	memcpy(to, r->ahead, *got);
	memmove(r->ahead, r->ahead + *got, r->n_ahead - *got);
	r->n_ahead -= *got;
	while (*got < n) {
		ssize_t k = read(r->fd, (uint8_t *)to + *got, n - *got);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(err, errno, "read");
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	r->have += *got;
	return 0;
}

static int need(struct reader *r, void *to, size_t n, struct err *err)
{
	size_t got;

	if (take(r, to, n, &got, err) < 0)
		return -1;
	return got == n ? 0
			: err_set(err, ERR_VERIFY, "truncated: it ends after %ju bytes, in %s", (uintmax_t)r->have,
				  r->where);
}

static bool zeros(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && memcmp(p, p + 1, n - 1) == 0);
}

static int need_zeros(struct reader *r, size_t n, struct err *err)
{
	uint8_t block[BLOCK];

	if (need(r, block, n, err) < 0)
		return -1;
	return zeros(block, n) ? 0 : err_set(err, ERR_VERIFY, "%s: what fills its last block is not zeros", r->where);
}

/* The size that a header gives; false when it is not in the form kiln writes. */
static bool header_size(const uint8_t *block, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < SIZE_LEN; i++) {
		uint8_t c = block[SIZE_AT + i];
		if (c < '0' || c > '7')
			return false;
		*ret = *ret * 8 + (c - '0');
	}
	return true;
}

/* Say why `block` is not the header that belongs here, which is that of `want`, or the end (NULL). */
static int wrong_header(const struct reader *r, const uint8_t *block, const struct tar_member *want, struct err *err)
{
	_cleanup_free_ char *raw = xstrndup((const char *)block, NAME_MAX_LEN);
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
	uint64_t size;

	strbuf_add_plain(&name, raw);
	if (want && zeros(block, BLOCK))
		return err_set(err, ERR_VERIFY, "%s is missing", r->where);
	if (want && strcmp(raw, want->name) == 0) {
		if (header_size(block, &size) && size != want->size)
			return err_set(err, ERR_VERIFY, "%s: %ju bytes, %s says %ju", r->where, (uintmax_t)size,
				r->blobs.v[r->next].layer ? list_name : "the lock", (uintmax_t)want->size);
		return err_set(err, ERR_VERIFY, "%s: its header is not as kiln writes it", r->where);
	}
	if (strcmp(raw, "lock") == 0)
		return err_set(err, ERR_VERIFY, "member \"lock\" stands in it twice");
	for (size_t i = 0; i < r->blobs.n; i++) {
		if (strcmp(raw, r->blobs.v[i].name) != 0)
			continue;
		if (i < r->next)
			return err_set(err, ERR_VERIFY, "member \"%s\" stands in it twice", raw);
		return err_set(err, ERR_VERIFY, "%s is missing, or not in its place", r->where);
	}
	if (strcmp(raw, "derived") == 0)
		return err_set(err, ERR_VERIFY, "member \"derived\" stands in it twice, or not in its place");
	return err_set(err, ERR_VERIFY, "member \"%s\": %s does not name it", strbuf_cstr(&name),
		str_starts(raw, "steps/") ? list_name : "the lock");
}

/* The header of `m`, whose first block may be read already. */
static int read_header(struct reader *r, const struct tar_member *m, const uint8_t *first, struct err *err)
{
	_cleanup_strbuf_ struct strbuf want = STRBUF_INIT;
	uint8_t block[BLOCK];

	tar_header(&want, m);
	for (size_t at = 0; at < want.len; at += BLOCK) {
		if (first && at == 0)
			memcpy(block, first, BLOCK);
		else if (need(r, block, BLOCK, err) < 0)
			return -1;
		if (memcmp(block, want.s + at, BLOCK) != 0)
			return wrong_header(r, block, m, err);
	}
	return 0;
}

static int read_lock(struct reader *r, struct lock *ret, struct err *err)
{
	struct tar_member m = {.name = "lock", .type = '0', .mode = 0644};
	uint8_t block[BLOCK];
	size_t got;

	r->where = "its lock";
	if (take(r, block, BLOCK, &got, err) < 0)
		return -1;
	if (got < BLOCK || memcmp(block, "lock", sizeof "lock") != 0 || !header_size(block, &m.size))
		return err_set(err, ERR_VERIFY, "no bundle: it does not begin with a lock");
	if (m.size > LOCK_MAX)
		return err_set(err, ERR_VERIFY, "its lock has %ju bytes, more than a lock may have", (uintmax_t)m.size);
	if (read_header(r, &m, block, err) < 0)
		return -1;
	_cleanup_free_ char *text = xmalloc(m.size + 1);
	if (need(r, text, m.size, err) < 0 || need_zeros(r, tar_padding(m.size), err) < 0 ||
		lock_parse(text, m.size, "lock", ret, err) < 0)
		return -1;
	_cleanup_free_ char *canonical = lock_text(ret);
	if (strlen(canonical) != m.size || memcmp(canonical, text, m.size) != 0)
		return err_set(err, ERR_VERIFY, "its lock is not as kiln writes it");
	return 0;
}

/* The list of derived layers, if that is what follows the lock. */
static int read_layers(struct reader *r, struct err *err)
{
	struct tar_member m = {.name = "derived", .type = '0', .mode = 0644};
	size_t got;

	r->where = list_name;
	if (take(r, r->ahead, BLOCK, &got, err) < 0)
		return -1;
	if (got < BLOCK || memcmp(r->ahead, "derived", sizeof "derived") != 0) {
		r->n_ahead = got;
		r->have -= got;
		return 0;
	}
	if (!header_size(r->ahead, &m.size))
		return err_set(err, ERR_VERIFY, "%s: its header is not as kiln writes it", r->where);
	if (m.size > CARRIED_MAX)
		return err_set(err, ERR_VERIFY, "%s has %ju bytes, more than it may have", r->where, (uintmax_t)m.size);
	if (read_header(r, &m, r->ahead, err) < 0)
		return -1;
	_cleanup_free_ char *text = xmalloc(m.size + 1);
	if (need(r, text, m.size, err) < 0 || need_zeros(r, tar_padding(m.size), err) < 0)
		return -1;
	return carried_parse(text, m.size, &r->layers, err);
}

/* The blob's bytes: hashed, and written to `fd` unless that is -1. */
static int read_content(
	struct reader *r, const struct bundle_blob *b, int fd, struct progress_step *step, struct err *err)
{
	struct hash *h = hash_new();
	char hex[HASH_HEX];
	int done = 0;

	for (uint64_t left = b->size; done == 0 && left;) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		done = need(r, r->chunk, n, err);
		if (done < 0)
			break;
		hash_add(h, r->chunk, n);
		if (fd >= 0 && fd_write_all(fd, r->chunk, n) < 0)
			done = err_sys(err, errno, "write %s", r->stage);
		progress_add(step, n);
		left -= n;
	}
	hash_end(h, hex);
	if (done < 0)
		return -1;
	return strcmp(hex, b->hex) == 0 ? 0 : err_set(err, ERR_VERIFY, "%s: its SHA-256 is %s", r->where, hex);
}

static int open_staged(const struct reader *r, const struct bundle_blob *b, struct err *err)
{
	_cleanup_free_ char *dir = b->layer ? path_join(r->stage, b->layer->step) : xstrdup(r->stage);
	_cleanup_free_ char *path = path_join(dir, b->layer ? "layer.tar" : b->hex);
	int fd = path_mkdirs(dir, err) < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 && !err->kind ? err_sys(err, errno, "make %s", path) : fd;
}

static int read_blob(struct reader *r, struct progress_step *step, struct err *err)
{
	const struct bundle_blob *b = &r->blobs.v[r->next];
	struct tar_member m = {.name = b->name, .type = '0', .mode = 0644, .size = b->size};
	_cleanup_free_ char *where = xasprintf("%s (%s)", b->name, b->what);
	_cleanup_fd_ int fd = -1;

	r->where = where;
	if (read_header(r, &m, NULL, err) < 0)
		return -1;
	if (r->cache && (b->layer ? b->layer->wanted : !cache_has(r->cache, b->hex, b->size))) {
		fd = open_staged(r, b, err);
		if (fd < 0)
			return -1;
		r->staged[r->next] = !b->layer;
	}
	if (read_content(r, b, fd, step, err) < 0 || need_zeros(r, tar_padding(b->size), err) < 0)
		return -1;
	r->next++;
	return 0;
}

static int read_end(struct reader *r, struct err *err)
{
	uint8_t block[BLOCK];
	size_t got;

	r->where = "its end";
	for (size_t i = 0; i < TAR_END; i += BLOCK) {
		if (need(r, block, BLOCK, err) < 0)
			return -1;
		if (!zeros(block, BLOCK))
			return wrong_header(r, block, NULL, err);
	}
	if (take(r, block, 1, &got, err) < 0)
		return -1;
	return got ? err_set(err, ERR_VERIFY, "something follows its end") : 0;
}

/* The whole bundle was good: what it brought gets its names. The layers first, which may still turn out to be none. */
static int adopt(const struct reader *r, struct err *err)
{
	if (carried_take(&r->layers, r->stage, r->cache, err) < 0)
		return -1;
	for (size_t i = 0; i < r->blobs.n; i++) {
		if (!r->staged[i])
			continue;
		_cleanup_free_ char *path = path_join(r->stage, r->blobs.v[i].hex);
		if (cache_adopt(r->cache, path, r->blobs.v[i].hex, err) < 0)
			return -1;
	}
	return 0;
}

static int read_blobs(struct reader *r, struct err *err)
{
	if (r->cache) {
		r->stage = cache_tmp_dir(r->cache, "bundle", err);
		if (!r->stage)
			return -1;
	}
	r->staged = xcalloc(r->blobs.n + 1, sizeof *r->staged);
	r->chunk = xmalloc(CHUNK);
	struct progress_step *step = progress_begin("unbundle", path_base(r->path), r->blobs.bytes, PROGRESS_BYTES);
	int done = 0;
	while (done == 0 && r->next < r->blobs.n)
		done = read_blob(r, step, err);
	if (done == 0)
		done = read_end(r, err);
	if (done == 0 && r->cache)
		done = adopt(r, err);
	progress_end(step, done == 0);
	return done;
}

static void reader_release(struct reader *r)
{
	_cleanup_err_ struct err ignored = ERR_INIT;

	if (r->stage)
		(void)path_remove(r->stage, &ignored); /* else the next kiln does */
	if (r->fd >= 0)
		close(r->fd);
	bundle_list_release(&r->blobs);
	carried_release(&r->layers);
	free(r->stage);
	free(r->staged);
	free(r->chunk);
}

int bundle_read(const char *path, struct cache *c, const struct bundle_judge *judge, struct lock *ret,
	struct carried *ret_layers, struct err *err)
{
	struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC), .path = path, .cache = c};
	_cleanup_lock_ struct lock lock = {0};

	if (r.fd < 0)
		return err_sys(err, errno, "open %s", path);
	int done = read_lock(&r, &lock, err) < 0 || read_layers(&r, err) < 0 ||
				   bundle_list(&lock, &r.layers, &r.blobs, err) < 0
			   ? -1
			   : 0;
	bool broken = done < 0;
	if (done == 0 && judge)
		done = judge->judge(judge->arg, &lock, &r.layers, err);
	if (done == 0) {
		done = read_blobs(&r, err);
		broken = done < 0;
	}
	if (done == 0) {
		*ret_layers = r.layers;
		r.layers = (struct carried){0};
	}
	reader_release(&r);
	if (done < 0) {
		err_wrap(err, "%s", path);
		if (broken && err->kind != ERR_IO)
			err_hint(err, "carry it over again; \"kiln bundle\" makes a new one");
		return -1;
	}
	*ret = lock;
	lock = (struct lock){0};
	return 0;
}
