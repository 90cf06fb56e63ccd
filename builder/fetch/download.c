#include "fetch/download.h"
#include "base/mem.h"
#include "base/progress.h"
#include "fetch/http.h"
#include "fetch/transfer.h"
#include <inttypes.h>
#include <string.h>

enum { POLL_MS = 200 };

/* All downloads of one call. Slots hold those that run or wait for their next attempt. */
struct batch {
	const struct download *v;
	size_t n, next; /* next: the first that has no slot yet */
	struct download_opts opts;
	struct apt_conf conf;
	struct transfer *slots;
	struct cache *cache;
	CURLM *multi;
	size_t busy;
	struct progress_step *step;
};

static int fail(const struct transfer *t, struct err *err)
{
	const struct download *d = t->want;

	if (t->attempt > 1 && err->kind == ERR_NETWORK) {
		_cleanup_free_ char *hint = steal(err->hint);
		err_set(err, ERR_NETWORK, "%s (%u attempts)", err->msg, t->attempt);
		if (hint)
			err_hint(err, "%s", hint);
	}
	if (!err->hint && err->kind == ERR_NETWORK)
		err_hint(
			err, "check that this host can reach the server; what arrived is kept and continued next time");
	return err_wrap(err, "%s: %s", d->what, d->uri);
}

/* After an attempt, or when all bytes were there from the start. */
static int settle(struct batch *b, struct transfer *t, CURLcode code, struct err *err)
{
	_cleanup_err_ struct err why = ERR_INIT;
	uint64_t pause = 0, wait;

	progress_add(b->step, t->new_bytes);
	t->new_bytes = 0;
	switch (transfer_ended(t, code, &pause, &why)) {
	case TRANSFER_DONE:
		transfer_release(t);
		b->busy--;
		return 0;
	case TRANSFER_AGAIN:
		wait = http_pause(&b->opts, t->in_vain, pause);
		if (t->in_vain < b->opts.attempts && wait != UINT64_MAX) {
			t->not_before = http_now_ms() + wait;
			return 0;
		}
		if (wait == UINT64_MAX)
			err_hint(&why, "the server asks to come back in %" PRIu64 " s", pause / 1000);
		break;
	case TRANSFER_FAILED:
		break;
	}
	err_move(err, &why);
	return fail(t, err);
}

/* Give free slots to what is still missing. */
static int fill_slots(struct batch *b, struct err *err)
{
	for (unsigned i = 0; i < b->opts.parallel; i++) {
		struct transfer *t = &b->slots[i];
		while (b->next < b->n && cache_has(b->cache, b->v[b->next].sha256, b->v[b->next].size))
			b->next++;
		if (t->want || b->next == b->n)
			continue;
		*t = (struct transfer){
			.want = &b->v[b->next++],
			.opts = &b->opts,
			.cache = b->cache,
			.fd = -1,
		};
		b->busy++;
		if (transfer_open(t, err) < 0)
			return err_wrap(err, "%s", t->want->what);
		if (t->have == t->want->size && t->have && settle(b, t, CURLE_OK, err) < 0)
			return -1;
	}
	return 0;
}

/* Start the attempts whose time has come. Returns the milliseconds until the next one's. */
static int start_due(struct batch *b, int *ret_wait, struct err *err)
{
	uint64_t now = http_now_ms();

	*ret_wait = POLL_MS;
	for (unsigned i = 0; i < b->opts.parallel; i++) {
		struct transfer *t = &b->slots[i];
		if (!t->want || t->running)
			continue;
		if (t->not_before > now) {
			if (t->not_before - now < (uint64_t)*ret_wait)
				*ret_wait = (int)(t->not_before - now);
			continue;
		}
		if (transfer_prepare(t, &b->conf, err) < 0)
			return err_wrap(err, "%s", t->want->what);
		if (curl_multi_add_handle(b->multi, t->easy) != CURLM_OK)
			return err_set(err, ERR_IO, "%s: curl does not take another transfer", t->want->what);
		t->running = true;
	}
	return 0;
}

static int stop(struct batch *b, struct transfer *t, CURLcode code, struct err *err)
{
	curl_multi_remove_handle(b->multi, t->easy);
	t->running = false;
	return settle(b, t, code, err);
}

/* End the attempts on which nothing has arrived for too long. (curl's own limit is an average over five seconds and
 * more.) */
static int expire(struct batch *b, struct err *err)
{
	uint64_t now = http_now_ms();

	for (unsigned i = 0; i < b->opts.parallel; i++) {
		struct transfer *t = &b->slots[i];
		if (t->running && now - t->last_ms > b->opts.stall_ms && stop(b, t, CURLE_OPERATION_TIMEDOUT, err) < 0)
			return -1;
	}
	return 0;
}

/* Look after the attempts that ended. Returns how many. */
static int reap(struct batch *b, struct err *err)
{
	CURLMsg *m;
	int left, reaped = 0;

	while ((m = curl_multi_info_read(b->multi, &left))) {
		struct transfer *t;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		reaped++;
		if (stop(b, t, code, err) < 0)
			return -1;
	}
	return reaped;
}

static void report(struct batch *b)
{
	for (unsigned i = 0; i < b->opts.parallel; i++) {
		progress_add(b->step, b->slots[i].new_bytes);
		b->slots[i].new_bytes = 0;
	}
}

static int run_batch(struct batch *b, struct err *err)
{
	for (;;) {
		int running, wait;
		if (fill_slots(b, err) < 0)
			return -1;
		if (!b->busy && b->next == b->n)
			return 0;
		if (start_due(b, &wait, err) < 0)
			return -1;
		CURLMcode code = curl_multi_perform(b->multi, &running);
		report(b);
		int reaped = reap(b, err);
		if (reaped < 0 || expire(b, err) < 0)
			return -1;
		if (code == CURLM_OK && !reaped)
			code = curl_multi_poll(b->multi, NULL, 0, wait, NULL);
		if (code != CURLM_OK)
			return err_set(err, ERR_IO, "download: %s", curl_multi_strerror(code));
	}
}

static int check_offline(const struct download *first, size_t missing, const struct download_opts *o, struct err *err)
{
	if (!o->offline)
		return 0;
	err_set(err, ERR_NETWORK, "%s: not in the cache, and --offline forbids to fetch it", first->what);
	if (missing > 1)
		return err_hint(err, "%zu files are missing; run \"kiln fetch\" with a network", missing);
	return err_hint(err, "run \"kiln fetch\" with a network");
}

int download_all(struct cache *c, const struct download *v, size_t n, const struct download_opts *opts, struct err *err)
{
	struct batch b = {.v = v, .n = n, .opts = http_defaults(opts), .cache = c};
	const struct download *first = NULL;
	uint64_t bytes = 0;
	size_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		if (cache_has(c, v[i].sha256, v[i].size))
			continue;
		first = first ? first : &v[i];
		missing++;
		bytes += v[i].size;
	}
	if (!missing)
		return 0;
	if (check_offline(first, missing, &b.opts, err) < 0 || (!b.opts.not_apt && apt_conf_read(&b.conf, err) < 0))
		return -1;
	http_init();
	_cleanup_free_ char *what = missing == 1 ? xstrdup(first->what) : xasprintf("%zu files", missing);
	b.step = progress_begin("fetch", what, bytes, PROGRESS_BYTES);
	b.slots = xcalloc(b.opts.parallel, sizeof *b.slots);
	b.multi = curl_multi_init();
	int r = b.multi ? run_batch(&b, err) : err_set(err, ERR_IO, "download: curl has no memory");
	for (unsigned i = 0; i < b.opts.parallel; i++) {
		struct transfer *t = &b.slots[i];
		if (t->want && t->running)
			curl_multi_remove_handle(b.multi, t->easy);
		if (t->want)
			transfer_release(t);
	}
	curl_multi_cleanup(b.multi);
	free(b.slots);
	apt_conf_release(&b.conf);
	progress_end(b.step, r == 0);
	return r;
}

static size_t ignore_data(char *data, size_t one, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return one * n;
}

static int probe_once(CURL *easy, const char *error, uint64_t stall_ms, bool *again, struct err *err)
{
	long status = 0;
	CURLcode code = curl_easy_perform(easy);

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	*again = code != CURLE_OK ? http_may_pass(code) : http_status_may_pass(status);
	if (code == CURLE_FILE_COULDNT_READ_FILE || status == 404 || status == 410)
		return 0;
	if (code != CURLE_OK)
		return http_explain(easy, code, error, stall_ms, err);
	if (status != 0 && (status < 200 || status > 299))
		return err_set(err, ERR_NETWORK, "the server answers with HTTP status %ld", status);
	return 1;
}

int download_probe(const char *uri, const struct download_opts *opts, struct err *err)
{
	_cleanup_apt_conf_ struct apt_conf conf = {0};
	struct download_opts o = http_defaults(opts);
	_cleanup_err_ struct err why = ERR_INIT;
	char error[CURL_ERROR_SIZE] = "";
	bool again = true;
	int r = -1;

	if (apt_conf_read(&conf, err) < 0)
		return -1;
	http_init();
	CURL *easy = curl_easy_init();
	http_setup(easy, uri, &conf, o.stall_ms, error);
	curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o.stall_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_data);
	for (unsigned i = 1; r < 0 && again && i <= o.attempts; i++) {
		if (i > 1)
			nanosleep(&(struct timespec){.tv_sec = (time_t)(o.pause_ms / 1000),
					  .tv_nsec = (long)(o.pause_ms % 1000) * 1000000},
				NULL);
		r = probe_once(easy, error, o.stall_ms, &again, &why);
	}
	curl_easy_cleanup(easy);
	if (r < 0) {
		err_move(err, &why);
		err_wrap(err, "%s", uri);
	}
	return r;
}
