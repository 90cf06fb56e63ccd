#include "fetch/request.h"
#include "base/mem.h"
#include "fetch/http.h"
#include <inttypes.h>
#include <string.h>

enum { CHALLENGES_MAX = 8 };

struct requester {
	CURL *easy;
	struct apt_conf conf; /* empty: apt has no say in other things than packages */
	struct download_opts opts;
};

/* One attempt. */
struct attempt {
	struct requester *r;
	const struct request *q;
	struct strbuf body;
	struct response got;
	bool too_long;
	char error[CURL_ERROR_SIZE];
};

struct requester *requester_new(const struct download_opts *opts)
{
	struct requester *r = xcalloc(1, sizeof *r);

	http_init();
	r->opts = http_defaults(opts);
	r->easy = curl_easy_init();
	if (!r->easy)
		abort();
	return r;
}

void requester_free(struct requester *r)
{
	if (!r)
		return;
	curl_easy_cleanup(r->easy);
	free(r);
}

void response_release(struct response *r)
{
	free(r->body);
	free(r->type);
	free(r->digest);
	strvec_release(&r->challenges);
	*r = (struct response){0};
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
	struct attempt *a = arg;

	if (n * one > a->q->max - a->body.len) {
		a->too_long = true;
		return CURL_WRITEFUNC_ERROR;
	}
	strbuf_add(&a->body, data, n * one);
	return n * one;
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
	struct attempt *a = arg;
	const char *v;
	size_t len;

	(void)one;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* another response, after a redirect */
		response_release(&a->got);
		strbuf_reset(&a->body);
	} else if ((v = http_header(line, n, "Content-Type:", &len))) {
		free(a->got.type);
		a->got.type = xstrndup(v, len);
		a->got.type[strcspn(a->got.type, "; \t")] = 0;
	} else if ((v = http_header(line, n, "Docker-Content-Digest:", &len))) {
		free(a->got.digest);
		a->got.digest = xstrndup(v, len);
	} else if ((v = http_header(line, n, "WWW-Authenticate:", &len)) && a->got.challenges.n < CHALLENGES_MAX) {
		strvec_take(&a->got.challenges, xstrndup(v, len));
	}
	return n;
}

static void prepare(struct attempt *a, struct curl_slist *headers)
{
	const struct download_opts *o = &a->r->opts;
	CURL *easy = a->r->easy;

	curl_easy_reset(easy);
	http_setup(easy, a->q->uri, &a->r->conf, o->stall_ms, a->error);
	http_trust(easy, o->ca);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, a->q->stay ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((o->stall_ms + 999) / 1000));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o->stall_ms * 10);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
	if (a->q->form)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, a->q->form);
}

/* 1: an answer, 0: try again after *pause, -1: never. */
static int once(struct attempt *a, uint64_t *pause, struct err *err)
{
	struct curl_slist *headers = NULL;
	long status = 0;

	for (const char *const *h = a->q->headers; h && *h; h++)
		headers = curl_slist_append(headers, *h);
	prepare(a, headers);
	CURLcode code = curl_easy_perform(a->r->easy);
	curl_slist_free_all(headers);
	curl_easy_getinfo(a->r->easy, CURLINFO_RESPONSE_CODE, &status);
	*pause = 0;
	if (a->too_long)
		return err_set(err, ERR_VERIFY, "the server sends more than %s", str_bytes(a->q->max));
	if (code != CURLE_OK) {
		http_explain(a->r->easy, code, a->error, a->r->opts.stall_ms, err);
		return http_may_pass(code) ? 0 : -1;
	}
	if (!http_status_may_pass(status)) {
		a->got.status = status;
		return 1;
	}
	*pause = http_retry_after(a->r->easy);
	err_set(err, ERR_NETWORK, "the server answers with HTTP status %ld", status);
	return 0;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) < 0)
		;
}

/* After a failed attempt: wait for the next one, or say no. */
static bool wait_for_next(const struct download_opts *o, unsigned attempt, uint64_t asked, struct err *err)
{
	uint64_t pause = http_pause(o, attempt, asked);

	if (pause == UINT64_MAX)
		err_hint(err, "the server asks to come back in %" PRIu64 " s", asked / 1000);
	if (pause == UINT64_MAX || attempt >= o->attempts) {
		_cleanup_free_ char *hint = steal(err->hint);
		if (attempt > 1)
			err_set(err, err->kind, "%s (%u attempts)", err->msg, attempt);
		if (hint)
			err_hint(err, "%s", hint);
		return false;
	}
	sleep_ms(pause);
	return true;
}

int request_send(struct requester *r, const struct request *q, struct response *ret, struct err *err)
{
	_cleanup_err_ struct err why = ERR_INIT;

	for (unsigned i = 1;; i++) {
		struct attempt a = {.r = r, .q = q};
		uint64_t asked = 0;
		int done = once(&a, &asked, &why);
		if (done == 1) {
			a.got.len = a.body.len;
			a.got.body = strbuf_steal(&a.body);
			if (!a.got.body)
				a.got.body = xstrdup("");
			*ret = a.got;
			return 0;
		}
		response_release(&a.got);
		strbuf_release(&a.body);
		if (done < 0 || !wait_for_next(&r->opts, i, asked, &why)) {
			err_move(err, &why);
			return -1;
		}
	}
}
