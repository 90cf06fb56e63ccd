#include "oci/storemodels.h"
#include "base/hash.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

struct entry {
	char *name; /* under the prefix */
	const struct store_model_blob *blob;
};
struct entries {
	VEC(struct entry) all;
};

static void release(struct entries *e)
{
	for (size_t i = 0; i < e->all.n; i++)
		free(e->all.v[i].name);
	vec_release(&e->all);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void add(struct entries *e, char *name, const struct store_model_blob *blob)
{
	struct entry new = {name, blob};

	vec_push(&e->all, new);
}

/* The directories above "manifests/A/B/C/D". */
static void add_parents(struct entries *e, const char *name)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'))
		add(e, xstrndup(name, (size_t)(slash - name) + 1), NULL);
}

/* A directory ends in a slash, which sorts before what is in it. */
static void sort_once(struct entries *e)
{
	size_t k = 0;

	qsort(e->all.v, e->all.n, sizeof *e->all.v, by_name);
	for (size_t i = 0; i < e->all.n; i++)
		if (k && strcmp(e->all.v[k - 1].name, e->all.v[i].name) == 0)
			free(e->all.v[i].name);
		else
			e->all.v[k++] = e->all.v[i];
	e->all.n = k;
}

/* A blob's bytes, read once. */
static int put_content(struct tar_out *t, const struct store_model_blob *b, int fd, char *chunk, struct err *err)
{
	struct hash *h = hash_new();
	char hex[HASH_HEX];
	int r = 0;

	for (uint64_t left = b->size; r == 0 && left;) {
		ssize_t n = read(fd, chunk, left < CHUNK ? left : CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? err_sys(err, errno, "%s", b->path) : err_set(err, ERR_VERIFY, "it is too short");
			break;
		}
		hash_add(h, chunk, (size_t)n);
		r = tar_content(t, chunk, (size_t)n, err);
		left -= (uint64_t)n;
	}
	hash_end(h, hex);
	if (r == 0 && strcmp(hex, b->digest) != 0)
		r = err_set(err, ERR_VERIFY, "its SHA-256 is %s: something changed it in the cache", hex);
	return r;
}

static int put_blob(
	struct tar_out *t, const char *name, uint64_t epoch, const struct store_model_blob *b, struct err *err)
{
	struct tar_member m = {.name = name, .type = '0', .mode = 0644, .mtime = epoch, .size = b->size};
	_cleanup_fd_ int fd = open(b->path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", b->path);
	if ((uint64_t)st.st_size != b->size)
		return err_set(err, ERR_VERIFY, "blob sha256:%s of a model: %ju bytes, expected are %ju", b->digest,
			(uintmax_t)st.st_size, (uintmax_t)b->size);
	_cleanup_free_ char *chunk = xmalloc(CHUNK);
	if (tar_begin(t, &m, err) < 0)
		return -1;
	if (put_content(t, b, fd, chunk, err) < 0)
		return err_wrap(err, "blob sha256:%s of a model", b->digest);
	return tar_close(t, &m, err);
}

int store_put_models(
	struct tar_out *t, const char *prefix, uint64_t epoch, const struct store_model *v, size_t n, struct err *err)
{
	struct entries e = {0};
	int r = 0;

	add(&e, xstrdup(""), NULL);
	add(&e, xstrdup("blobs/"), NULL);
	add(&e, xstrdup("manifests/"), NULL);
	for (size_t i = 0; i < n; i++) {
		char *name = xasprintf("manifests/%s", v[i].place);
		add_parents(&e, name);
		add(&e, name, &v[i].manifest);
		for (size_t k = 0; k < v[i].n_blobs; k++)
			add(&e, xasprintf("blobs/sha256-%s", v[i].blobs[k].digest), &v[i].blobs[k]);
	}
	sort_once(&e);
	for (size_t i = 0; r == 0 && i < e.all.n; i++) {
		_cleanup_free_ char *name = xasprintf("%s%s", prefix, e.all.v[i].name);
		r = e.all.v[i].blob ? put_blob(t, name, epoch, e.all.v[i].blob, err)
				    : tar_dir(t, name, 0755, epoch, err);
	}
	release(&e);
	return r;
}
