#include "target/agent/http.h"
#include "base/mem.h"
#include <curl/curl.h>

#define BODY_MAX (1u << 20)
#define TIMEOUT_MS 30000

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct strbuf *b = arg;
	size_t len = size * n, room = b->len < BODY_MAX ? BODY_MAX - b->len : 0;
	strbuf_add(b, data, len < room ? len : room);
	return len;
}

static void cleanup_curl(CURL **c)
{
	curl_easy_cleanup(*c);
}
static void cleanup_slist(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static void set_up(CURL *c, const struct http_request *r, struct strbuf *body, char *message)
{
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : TIMEOUT_MS));
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	if (r->ca) {
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca);
	} else {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (r->body) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(r->body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
	}
	if (str_eq(r->method, "HEAD"))
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (r->method)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

/* The same words for the same trouble: libcurl's own tell milliseconds, and every probe would look like news. */
static int no_answer(CURL *c, CURLcode code, const struct http_request *r, const char *message, struct err *err)
{
	long sys = 0;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_NETWORK, "%s:%u: no answer within %llu ms", r->address, r->port,
			(unsigned long long)(r->timeout_ms ? r->timeout_ms : TIMEOUT_MS));
	if (code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &sys);
	if (sys)
		return err_set(err, ERR_NETWORK, "%s:%u: %s", r->address, r->port, strerror((int)sys));
	return err_set(
		err, ERR_NETWORK, "%s:%u: %s", r->address, r->port, *message ? message : curl_easy_strerror(code));
}

int http_do(const struct http_request *r, struct http_answer *answer, struct err *err)
{
	__attribute__((cleanup(cleanup_curl))) CURL *c = curl_easy_init();
	__attribute__((cleanup(cleanup_slist))) struct curl_slist *headers = NULL;
	char message[CURL_ERROR_SIZE] = "";
	if (!c)
		return err_set(err, ERR_IO, "libcurl does not start");
	_cleanup_free_ char *url = xasprintf("%s://%s:%u%s%s", r->scheme, r->address, r->port,
		r->path && *r->path == '/' ? "" : "/", r->path ? r->path : "");
	curl_easy_setopt(c, CURLOPT_URL, url);
	for (const char *const *h = r->headers; h && *h; h++)
		headers = curl_slist_append(headers, *h);
	if (r->body)
		headers = curl_slist_append(headers, "Expect:"); /* no waiting for "100 Continue" */
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	set_up(c, r, &answer->body, message);
	CURLcode code = curl_easy_perform(c);
	if (code != CURLE_OK)
		return no_answer(c, code, r, message, err);
	long status = 0;
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (unsigned)status;
	strbuf_adds(&answer->body, "");
	return 0;
}
