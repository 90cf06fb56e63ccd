#include "oci/local.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMBERS_MAX = 100000, BLOCK = 1 << 18 };

struct member {
	char *name, *link; /* link: of a symbolic or hard one, as it stands there; else NULL */
	uint64_t size;
};
struct local {
	char *path;
	int dir_fd;		    /* of a directory, else -1 */
	VEC(struct member) members; /* of an archive, by name */
};

/* An open file of either: exactly one is set. */
struct source {
	int fd;
	struct archive *archive;
	uint64_t size;
};

static struct archive *open_archive(const char *path, struct err *err)
{
	struct archive *a = archive_read_new();

	if (!a)
		abort();
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	if (archive_read_open_filename(a, path, BLOCK) == ARCHIVE_OK)
		return a;
	int e = archive_errno(a);
	if (e > 0 && access(path, R_OK) < 0)
		err_sys(err, errno, "open %s", path);
	else
		err_set(err, ERR_VERIFY, "%s: no tar archive", path);
	archive_read_free(a);
	return NULL;
}

/* "./a//b" is "a/b". */
static char *plain_name(const char *s)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;

	str_split(&parts, s, "/");
	for (size_t i = 0; i < parts.n; i++) {
		if (strcmp(parts.v[i], ".") == 0)
			continue;
		if (b.len)
			strbuf_addc(&b, '/');
		strbuf_adds(&b, parts.v[i]);
	}
	return strbuf_steal(&b);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static int list_members(struct local *l, struct archive *a, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
		if (l->members.n == MEMBERS_MAX)
			return err_set(err, ERR_VERIFY, "%s: more than %d members", l->path, MEMBERS_MAX);
		if (!name)
			return err_set(err, ERR_VERIFY, "%s: a member without a name that can be read", l->path);
		if (!hard && archive_entry_filetype(e) == AE_IFDIR)
			continue;
		const char *link = hard ? hard : archive_entry_symlink(e);
		if (!link && archive_entry_filetype(e) != AE_IFREG)
			return err_set(
				err, ERR_VERIFY, "%s: a member that is neither file, directory nor link", l->path);
		vec_push(&l->members, (struct member){
					      .name = plain_name(name),
					      .link = link ? xstrdup(link) : NULL,
					      .size = (uint64_t)archive_entry_size(e),
				      });
	}
	if (r != ARCHIVE_EOF)
		return err_set(err, ERR_VERIFY, "%s: the archive is damaged: %s", l->path, archive_error_string(a));
	qsort(l->members.v, l->members.n, sizeof *l->members.v, by_name);
	for (size_t i = 1; i < l->members.n; i++)
		if (strcmp(l->members.v[i - 1].name, l->members.v[i].name) == 0) {
			_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
			strbuf_add_plain(&plain, l->members.v[i].name);
			return err_set(err, ERR_VERIFY, "%s: it has two members %.200s", l->path, strbuf_cstr(&plain));
		}
	return 0;
}

struct local *local_open(const char *path, bool archive, struct err *err)
{
	_cleanup_local_ struct local *l = xcalloc(1, sizeof *l);

	l->path = xstrdup(path);
	l->dir_fd = -1;
	if (!archive) {
		l->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (l->dir_fd < 0) {
			err_sys(err, errno, "open %s", path);
			return NULL;
		}
		return steal(l);
	}
	struct archive *a = open_archive(path, err);
	int r = a ? list_members(l, a, err) : -1;
	archive_read_free(a);
	return r < 0 ? NULL : steal(l);
}

void local_close(struct local *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->members.n; i++) {
		free(l->members.v[i].name);
		free(l->members.v[i].link);
	}
	vec_release(&l->members);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	free(l->path);
	free(l);
}

void local_cleanup(struct local **l)
{
	local_close(*l);
}

static const struct member *find(const struct local *l, const char *name)
{
	struct member key = {.name = (char *)name};

	return l->members.n ? bsearch(&key, l->members.v, l->members.n, sizeof key, by_name) : NULL;
}

/* `docker save` of old has a layer that two images share once, and a link to it. */
static const struct member *follow(const struct local *l, const struct member *m)
{
	for (int i = 0; m && m->link && i < 4; i++) {
		_cleanup_free_ char *dir = path_dir(m->name), *to = NULL;
		if (str_starts(m->link, "../") && strchr(dir, '/') == NULL)
			to = plain_name(m->link + 3);
		else
			to = plain_name(m->link);
		m = find(l, to);
	}
	return m && !m->link ? m : NULL;
}

bool local_has(const struct local *l, const char *name)
{
	if (l->dir_fd < 0)
		return follow(l, find(l, name)) != NULL;
	_cleanup_fd_ int fd = path_open_in(l->dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	return fd >= 0;
}

static int open_member(const struct local *l, const char *name, struct source *s, struct err *err)
{
	const struct member *m = follow(l, find(l, name));
	struct archive_entry *e;

	if (!m)
		return err_set(err, ERR_VERIFY, "%s: it has no %.200s", l->path, name);
	s->archive = open_archive(l->path, err);
	while (s->archive && archive_read_next_header(s->archive, &e) <= ARCHIVE_OK) {
		const char *found = archive_entry_pathname(e);
		_cleanup_free_ char *plain = plain_name(found ? found : "");
		if (strcmp(plain, m->name) != 0 || archive_entry_filetype(e) != AE_IFREG)
			continue;
		s->size = (uint64_t)archive_entry_size(e);
		return 0;
	}
	return s->archive ? err_set(err, ERR_IO, "%s: it changed while it was read", l->path) : -1;
}

static int open_file(const struct local *l, const char *name, struct source *s, struct err *err)
{
	struct stat st;

	s->fd = path_open_in(l->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (s->fd < 0 && errno == ENOENT)
		return err_set(err, ERR_VERIFY, "%s: it has no %.200s", l->path, name);
	if (s->fd < 0 && errno == ELOOP)
		return err_set(err, ERR_VERIFY, "%s: %.200s is a link, and none is followed", l->path, name);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return err_sys(err, errno, "%s/%s", l->path, name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_VERIFY, "%s: %.200s is not a file", l->path, name);
	s->size = (uint64_t)st.st_size;
	return 0;
}

static int source_open(const struct local *l, const char *name, struct source *s, struct err *err)
{
	*s = (struct source){.fd = -1};
	return l->dir_fd >= 0 ? open_file(l, name, s, err) : open_member(l, name, s, err);
}

static void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	archive_read_free(s->archive);
}
#define _cleanup_source_ __attribute__((cleanup(source_close)))

static ssize_t source_read(const struct source *s, char *buf, size_t n)
{
	return s->archive ? (ssize_t)archive_read_data(s->archive, buf, n) : read(s->fd, buf, n);
}

char *local_read(const struct local *l, const char *name, size_t max, size_t *ret_len, struct err *err)
{
	_cleanup_source_ struct source s;
	size_t len = 0;

	if (source_open(l, name, &s, err) < 0)
		return NULL;
	if (s.size > max) {
		err_set(err, ERR_VERIFY, "%s: %.200s has more than %s", l->path, name, str_bytes(max));
		return NULL;
	}
	_cleanup_free_ char *text = xmalloc(s.size + 1);
	while (len < s.size) {
		ssize_t n = source_read(&s, text + len, s.size - len);
		if (n <= 0) {
			err_set(err, ERR_IO, "%s: %.200s cannot be read to its end", l->path, name);
			return NULL;
		}
		len += (size_t)n;
	}
	text[len] = 0;
	*ret_len = len;
	return steal(text);
}

static int copy(const struct local *l, const struct source *s, const char *name, int to, char *hex, struct err *err)
{
	_cleanup_free_ char *buf = xmalloc(BLOCK);
	struct hash *h = hash_new();
	uint64_t left = s->size;
	int r = 0;

	while (r == 0 && left) {
		ssize_t n = source_read(s, buf, left < BLOCK ? left : BLOCK);
		if (n <= 0) {
			r = err_set(err, ERR_IO, "%s: %.200s cannot be read to its end", l->path, name);
			break;
		}
		if (fd_write_all(to, buf, (size_t)n) < 0)
			r = err_sys(err, errno, "cache: write");
		hash_add(h, buf, (size_t)n);
		left -= (uint64_t)n;
	}
	hash_end(h, hex);
	return r;
}

int local_take(const struct local *l, const char *name, const struct cache *c, const char *digest, uint64_t size,
	char *ret_hex, uint64_t *ret_size, struct err *err)
{
	_cleanup_source_ struct source s;
	_cleanup_free_ char *tmp = NULL;
	_cleanup_fd_ int to = -1;
	char hex[HASH_HEX];

	if (source_open(l, name, &s, err) < 0)
		return -1;
	if (digest && s.size != size)
		return err_set(err, ERR_VERIFY, "%s: %.200s has %" PRIu64 " bytes, expected are %" PRIu64, l->path,
			name, s.size, size);
	tmp = cache_tmp_file(c, "local", &to, err);
	if (!tmp)
		return -1;
	int r = copy(l, &s, name, to, hex, err);
	if (r == 0 && digest && strcmp(hex, digest) != 0)
		r = err_set(
			err, ERR_VERIFY, "%s: the SHA-256 of %.200s is %s, expected is %s", l->path, name, hex, digest);
	if (r == 0)
		r = cache_adopt(c, tmp, hex, err);
	if (r < 0) {
		unlink(tmp);
		return -1;
	}
	if (ret_hex)
		memcpy(ret_hex, hex, HASH_HEX);
	if (ret_size)
		*ret_size = s.size;
	return 0;
}
