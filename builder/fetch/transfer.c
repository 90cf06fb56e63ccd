#include "fetch/transfer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fetch/cache.h"
#include "fetch/http.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Forget the bytes that are there; the next attempt starts from the first. */
static int rewind_file(struct transfer *t)
{
	char unused[HASH_HEX];

	hash_end(t->hash, unused);
	t->hash = hash_new();
	t->have = 0;
	free(steal(t->etag));
	return ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

static int write_failed(struct transfer *t, struct err *err)
{
	int e = errno;

	err_sys(err, e, "write %s", t->path);
	if (e == ENOSPC || e == EDQUOT)
		cache_explain_full(err);
	return -1;
}

static int look_at_start(struct transfer *t)
{
	curl_off_t length = -1;
	uint64_t total = UINT64_MAX;

	t->begun = true;
	free(steal(t->refused));
	if (t->has_range && t->asked_from) {
		if (t->range_from != t->asked_from)
			return err_set(&t->fail, ERR_NETWORK,
				"the server sent bytes from %" PRIu64 " when asked for those from %" PRIu64,
				t->range_from, t->asked_from);
		total = t->range_total;
	} else {
		if (t->have && rewind_file(t) < 0) /* the server ignores ranges, or its file changed */
			return write_failed(t, &t->fail);
		curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
		if (length >= 0)
			total = (uint64_t)length;
	}
	if (total != UINT64_MAX && total != t->want->size) {
		err_set(&t->fail, ERR_VERIFY, "the server has %" PRIu64 " bytes, expected are %" PRIu64, total,
			t->want->size);
		return t->opts->gone_hint ? err_hint(&t->fail, "%s", t->opts->gone_hint) : -1;
	}
	return 0;
}

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	long status = 0;

	(void)one;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 0 && status != 200 && status != 206)
		return n; /* an error page: of no interest */
	if (!t->begun && look_at_start(t) < 0)
		return CURL_WRITEFUNC_ERROR;
	if (n > t->want->size - t->have) {
		err_set(&t->fail, ERR_VERIFY, "the server sends more than the %" PRIu64 " bytes expected",
			t->want->size);
		if (t->opts->gone_hint)
			err_hint(&t->fail, "%s", t->opts->gone_hint);
		return CURL_WRITEFUNC_ERROR;
	}
	if (fd_write_all(t->fd, data, n) < 0) {
		write_failed(t, &t->fail);
		return CURL_WRITEFUNC_ERROR;
	}
	hash_add(t->hash, data, n);
	t->have += n;
	t->last_ms = http_now_ms();
	if (t->have > t->seen) {
		t->new_bytes += t->have - t->seen;
		t->seen = t->have;
	}
	return n;
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	const char *v;
	size_t len;

	(void)one;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a new response, after a redirect perhaps */
		t->has_range = false;
		if (!t->have)
			free(steal(t->etag));
	} else if ((v = http_header(line, n, "Content-Range:", &len))) {
		_cleanup_free_ char *text = xstrndup(v, len);
		uint64_t last;
		t->range_total = UINT64_MAX;
		/* "bytes 10-19/20" or "bytes 10-19" with an unknown total, RFC 9110, 14.4 */
		t->has_range = sscanf(text, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &t->range_from, &last,
				       &t->range_total) >= 2;
	} else if (!t->have && (v = http_header(line, n, "ETag:", &len)) && len && *v == '"') {
		free(t->etag);
		t->etag = xstrndup(v, len);
	}
	return n;
}

static bool is_file(const char *uri)
{
	return strncasecmp(uri, "file:", 5) == 0;
}

/* Hash the bytes that an earlier run left. */
static int hash_partial(struct transfer *t, struct err *err)
{
	_cleanup_free_ char *buf = xmalloc(1 << 18);
	struct stat st;

	if (fstat(t->fd, &st) < 0)
		return err_sys(err, errno, "%s", t->path);
	if ((uint64_t)st.st_size > t->want->size)
		return rewind_file(t) < 0 ? write_failed(t, err) : 0;
	for (;;) {
		ssize_t n = read(t->fd, buf, 1 << 18);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read %s", t->path);
		if (n == 0)
			break;
		hash_add(t->hash, buf, (size_t)n);
		t->have += (uint64_t)n;
	}
	t->new_bytes = t->seen = t->seen_before = t->have;
	return 0;
}

int transfer_open(struct transfer *t, struct err *err)
{
	_cleanup_free_ char *rel = xasprintf("partial/%.64s", t->want->sha256);

	t->hash = hash_new();
	t->path = cache_path(t->cache, rel);
	t->fd = open(t->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (t->fd < 0)
		return err_sys(err, errno, "open %s", t->path);
	if (flock(t->fd, LOCK_EX | LOCK_NB) == 0) {
		t->may_resume = true;
		return hash_partial(t, err);
	}
	/* Another kiln downloads the same: leave it its file. */
	close(t->fd);
	free(t->path);
	t->path = cache_tmp_file(t->cache, "fetch", &t->fd, err);
	return t->path ? 0 : -1;
}

/* What the server refused is not sent twice: there is something newer, or an error. */
static int authorize(struct transfer *t, struct err *err)
{
	const struct download_auth *a = t->want->auth;

	free(steal(t->authorization));
	if (!a)
		return 0;
	if (a->get(a->arg, t->refused, &t->authorization, err) < 0)
		return -1;
	if (t->authorization) {
		_cleanup_free_ char *line = xasprintf("Authorization: %s", t->authorization);
		t->headers = curl_slist_append(t->headers, line);
	}
	return 0;
}

int transfer_prepare(struct transfer *t, const struct apt_conf *conf, struct err *err)
{
	if (!t->easy)
		t->easy = curl_easy_init();
	curl_easy_reset(t->easy);
	curl_slist_free_all(steal(t->headers));
	t->begun = t->has_range = false;
	t->asked_from = 0;
	t->attempt++;
	t->last_ms = http_now_ms();
	http_setup(t->easy, t->want->uri, conf, t->opts->stall_ms, t->curl_error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	http_trust(t->easy, t->opts->ca);
	if (authorize(t, err) < 0)
		return -1;
	if (t->have && !is_file(t->want->uri)) {
		_cleanup_free_ char *range = xasprintf("%" PRIu64 "-", t->have);
		t->asked_from = t->have;
		curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
		if (t->etag) {
			_cleanup_free_ char *if_range = xasprintf("If-Range: %s", t->etag);
			t->headers = curl_slist_append(t->headers, if_range);
		}
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers); /* none of them goes to another host */
	return 0;
}

static enum transfer_state bad_status(struct transfer *t, long status, uint64_t *pause_ms, struct err *err)
{
	err_set(err, ERR_NETWORK, "the server answers with HTTP status %ld", status);
	if (status == 401 && t->want->auth && !t->refused) { /* a token lives for minutes, a download may take longer */
		t->refused = xstrdup(t->authorization ? t->authorization : "");
		return TRANSFER_AGAIN;
	}
	if (status == 404 || status == 410) {
		err_set(err, ERR_NETWORK, "the server does not have it (HTTP status %ld)", status);
		if (t->opts->gone_hint)
			err_hint(err, "%s", t->opts->gone_hint);
	}
	if (status == 416 && t->have)
		return rewind_file(t) < 0 ? (write_failed(t, err), TRANSFER_FAILED) : TRANSFER_AGAIN;
	if (!http_status_may_pass(status))
		return TRANSFER_FAILED;
	*pause_ms = http_retry_after(t->easy);
	return TRANSFER_AGAIN;
}

/* All bytes are there: are they the right ones? */
static enum transfer_state check_hash(struct transfer *t, struct err *err)
{
	char found[HASH_HEX];

	hash_end(t->hash, found);
	t->hash = hash_new();
	if (strncmp(found, t->want->sha256, 64) == 0)
		return cache_adopt(t->cache, t->path, found, err) < 0 ? TRANSFER_FAILED : TRANSFER_DONE;
	err_set(err, ERR_VERIFY, "its SHA-256 is %s, expected is %s", found, t->want->sha256);
	if (t->opts->gone_hint)
		err_hint(err, "%s", t->opts->gone_hint);
	if (rewind_file(t) < 0)
		return write_failed(t, err), TRANSFER_FAILED;
	if (t->rewound)
		return TRANSFER_FAILED;
	t->rewound = true; /* once more from the first byte: what an earlier run left, or a proxy, may be to blame */
	return TRANSFER_AGAIN;
}

enum transfer_state transfer_ended(struct transfer *t, CURLcode code, uint64_t *pause_ms, struct err *err)
{
	long status = 0;

	*pause_ms = 0;
	/* Of a large file each attempt may bring a part. Bytes that were there once are not new. */
	if (t->attempt)
		t->in_vain = t->seen > t->seen_before ? 1 : t->in_vain + 1;
	t->seen_before = t->seen;
	if (t->easy)
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->fail.msg) {
		err_move(err, &t->fail);
		/* Wrong bytes are of no use; on a full disk, half a file only adds to the trouble. */
		if ((err->kind == ERR_VERIFY || err->kind == ERR_IO) && rewind_file(t) < 0)
			log_debug("%s: %s", t->path, strerror(errno));
		return TRANSFER_FAILED;
	}
	if (code != CURLE_OK) {
		http_explain(t->easy, code, t->curl_error, t->opts->stall_ms, err);
		if (code == CURLE_FILE_COULDNT_READ_FILE && t->opts->gone_hint)
			err_hint(err, "%s", t->opts->gone_hint);
		return http_may_pass(code) ? TRANSFER_AGAIN : TRANSFER_FAILED;
	}
	if (status != 0 && status != 200 && status != 206)
		return bad_status(t, status, pause_ms, err);
	if (t->have == t->want->size)
		return check_hash(t, err);
	err_set(err, ERR_NETWORK, "the server ended after %" PRIu64 " of %" PRIu64 " bytes", t->have, t->want->size);
	return TRANSFER_AGAIN;
}

void transfer_release(struct transfer *t)
{
	char unused[HASH_HEX];

	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	if (t->path && (!t->may_resume || t->have == 0))
		unlink(t->path);
	if (t->fd >= 0)
		close(t->fd);
	if (t->hash)
		hash_end(t->hash, unused);
	free(t->path);
	free(t->etag);
	free(t->authorization);
	free(t->refused);
	err_release(&t->fail);
	*t = (struct transfer){.fd = -1};
}
