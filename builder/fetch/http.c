#include "fetch/http.h"
#include "base/mem.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

enum { PAUSE_MAX_MS = 60000 };

static void init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

void http_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_curl);
}

uint64_t http_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct download_opts http_defaults(const struct download_opts *o)
{
	struct download_opts d = o ? *o : (struct download_opts){0};

	d.parallel = d.parallel ? d.parallel : 8;
	d.attempts = d.attempts ? d.attempts : 5;
	d.pause_ms = d.pause_ms ? d.pause_ms : 500;
	d.stall_ms = d.stall_ms ? d.stall_ms : 30000;
	return d;
}

const char *http_header(const char *line, size_t n, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0)
		return NULL;
	line += len;
	n -= len;
	while (n && (*line == ' ' || *line == '\t'))
		line++, n--;
	while (n && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
		n--;
	*ret_len = n;
	return line;
}

void http_setup(CURL *easy, const char *uri, const struct apt_conf *conf, uint64_t stall_ms, char *error)
{
	const char *proxy = apt_conf_proxy(conf, uri), *ca = apt_conf_get(conf, "Acquire::https::CAInfo");

	error[0] = 0;
	curl_easy_setopt(easy, CURLOPT_URL, uri);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,file");
	/* What was asked for in secret is not fetched in the open. */
	curl_easy_setopt(
		easy, CURLOPT_REDIR_PROTOCOLS_STR, strncasecmp(uri, "https:", 6) == 0 ? "https" : "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "kiln/" KILN_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)stall_ms);
	if (proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
	if (ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
}

void http_trust(CURL *easy, const char *ca)
{
	if (!ca)
		return;
	curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
}

bool http_may_pass(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
		return true;
	default:
		return false;
	}
}

int http_explain(CURL *easy, CURLcode code, const char *detail, uint64_t stall_ms, struct err *err)
{
	long status = 0, connects = 0, why = 0;
	const char *uri = NULL;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &why);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &uri);
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(err, ERR_NETWORK, "%s",
			status >= 300 && status < 400 && uri && strncasecmp(uri, "http:", 5) == 0
				? "the server redirects from https: to http:"
			: status >= 300 && status < 400
				? "the server redirects to something that is neither http: nor https:"
			: connects ? "what answers there does not speak HTTP"
				   : "neither http:, https: nor file:");
	case CURLE_COULDNT_CONNECT:
		return err_set(err, ERR_NETWORK, "no connection: %s", why ? strerror((int)why) : detail);
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, ERR_NETWORK, "the name of the server cannot be resolved");
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, ERR_NETWORK, "the name of the proxy cannot be resolved");
	case CURLE_GOT_NOTHING:
		return err_set(err, ERR_NETWORK, "the server closed the connection without an answer");
	case CURLE_TOO_MANY_REDIRECTS:
		return err_set(err, ERR_NETWORK, "the server redirects more than 10 times");
	case CURLE_FILE_COULDNT_READ_FILE:
		return err_set(err, ERR_IO, "there is no such file, or it cannot be read");
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, ERR_NETWORK, "nothing arrived for %" PRIu64 " s", (stall_ms + 999) / 1000);
	default:
		return err_set(err, ERR_NETWORK, "%s", *detail ? detail : curl_easy_strerror(code));
	}
}

bool http_status_may_pass(long status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

uint64_t http_retry_after(CURL *easy)
{
	curl_off_t after = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after) != CURLE_OK || after < 0)
		return 0;
	return (uint64_t)(after < UINT32_MAX ? after : UINT32_MAX) * 1000;
}

uint64_t http_pause(const struct download_opts *o, unsigned attempt, uint64_t asked)
{
	uint64_t grown = attempt ? o->pause_ms << (attempt < 10 ? attempt - 1 : 9) : 0;

	if (asked > PAUSE_MAX_MS)
		return UINT64_MAX;
	if (grown > PAUSE_MAX_MS)
		grown = PAUSE_MAX_MS;
	return asked > grown ? asked : grown;
}
