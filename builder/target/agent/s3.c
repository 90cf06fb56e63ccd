#include "target/agent/s3.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/path.h"
#include "target/agent/sigv4.h"
#include <curl/curl.h>
#include <unistd.h>

#define CREDENTIAL "/run/credentials/@system/kiln.backup-s3"
#define TEXT_MAX (4u << 20)
enum { TRIES = 5, CONNECT_S = 20, SILENCE_S = 600 };

struct s3 {
	CURL *curl;
	struct curl_slist *resolve;
	char *base, *host, *bucket, *region, *access_key, *secret_key, *ca;
};

const char *s3_bucket(const struct s3 *s)
{
	return s->bucket;
}

void s3_free(struct s3 *s)
{
	if (!s)
		return;
	curl_easy_cleanup(s->curl);
	curl_slist_free_all(s->resolve);
	if (s->secret_key)
		explicit_bzero(s->secret_key, strlen(s->secret_key));
	char *all[] = {s->base, s->host, s->bucket, s->region, s->access_key, s->secret_key, s->ca};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
	free(s);
}

static int read_keys(struct s3 *s, const struct agent *a, const json_t *options, struct err *err)
{
	_cleanup_free_ char *own = path_join(a->state, "backup-s3");
	const char *file = path_exists(CREDENTIAL) ? CREDENTIAL : own;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	if (*json_text(options, "access_key")) {
		s->access_key = xstrdup(json_text(options, "access_key"));
		s->secret_key = xstrdup(json_text(options, "secret_key"));
		return 0;
	}
	if (!path_exists(file)) {
		err_set(err, ERR_CONFIG, "the machine has no keys for the bucket %s", s->bucket);
		return err_hint(err,
			"write access key and secret key, two words, to %s (mode 0600), or start it with the "
			"system credential kiln.backup-s3",
			own);
	}
	_cleanup_free_ char *text = path_read(file, 4096, NULL, err);
	if (!text)
		return -1;
	str_split(&words, text, " \t\r\n");
	explicit_bzero(text, strlen(text));
	if (words.n != 2)
		return err_set(err, ERR_CONFIG, "%s: expected two words, access key and secret key", file);
	s->access_key = xstrdup(words.v[0]);
	s->secret_key = xstrdup(words.v[1]);
	explicit_bzero(words.v[1], strlen(words.v[1]));
	return 0;
}

/* A container is reached at its address, and has a certificate of the appliance's own CA. */
static void find_host(struct s3 *s, const struct agent *a, bool tls)
{
	_cleanup_free_ char *name = xstrndup(s->host, strcspn(s->host, ":")),
			    *own = path_join(a->state, "backup-ca.pem");
	const struct container *c = machine_container(&a->m, name);
	const char *port = strchr(s->host, ':');
	if (c) {
		_cleanup_free_ char *entry = xasprintf("%s:%s:%s", name,
			port  ? port + 1
			: tls ? "443"
			      : "80",
			c->address);
		s->resolve = curl_slist_append(NULL, entry);
		s->ca = path_join(a->run, "ca.crt");
	} else if (path_exists(own)) {
		s->ca = steal(own);
	}
}

static bool is_bucket(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");
	return n >= 3 && n <= 63 && !name[n];
}

struct s3 *s3_new(const struct agent *a, const json_t *options, struct err *err)
{
	const char *address = json_text(options, "address"), *bucket = json_text(options, "bucket"),
		   *region = json_text(options, "region");
	bool tls = str_starts(address, "https://");
	const char *host = tls ? address + 8 : str_starts(address, "http://") ? address + 7 : "";
	size_t n = strcspn(host, "/");
	if (!n || (host[n] && host[n + 1])) {
		err_set(err, ERR_CONFIG, "address \"%s\" is not https://HOST or https://HOST:PORT", address);
		return NULL;
	}
	if (!is_bucket(bucket)) {
		err_set(err, ERR_CONFIG, "\"%s\" is not the name of a bucket", bucket);
		return NULL;
	}
	struct s3 *s = xcalloc(1, sizeof *s);
	s->host = xstrndup(host, n);
	s->base = xasprintf("%s://%s", tls ? "https" : "http", s->host);
	s->bucket = xstrdup(bucket);
	s->region = xstrdup(*region ? region : "us-east-1");
	s->curl = curl_easy_init();
	find_host(s, a, tls);
	if (s->curl && read_keys(s, a, options, err) == 0)
		return s;
	if (!s->curl)
		err_set(err, ERR_IO, "libcurl does not start");
	s3_free(s);
	return NULL;
}

static void add_encoded(struct strbuf *b, const char *text, const char *also)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text; text++) {
		if (strchr(plain, *text) || strchr(also, *text))
			strbuf_addc(b, *text);
		else
			strbuf_addf(b, "%%%02X", (unsigned char)*text);
	}
}

char *s3_encode(const char *text)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "");
	add_encoded(&b, text, "");
	return strbuf_steal(&b);
}

bool s3_xml(const char **at, const char *tag, struct strbuf *out)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = {
		{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#34;", '"'}};
	_cleanup_free_ char *open = xasprintf("<%s>", tag), *close = xasprintf("</%s>", tag);
	const char *from = strstr(*at, open), *end = from ? strstr(from, close) : NULL;
	strbuf_reset(out);
	strbuf_adds(out, "");
	if (!end)
		return false;
	for (const char *p = from + strlen(open); p < end; p++) {
		size_t i = 0;
		while (i < ARRAY_SIZE(entities) && !str_starts(p, entities[i].name))
			i++;
		if (i == ARRAY_SIZE(entities)) {
			strbuf_addc(out, *p);
			continue;
		}
		strbuf_addc(out, entities[i].c);
		p += strlen(entities[i].name) - 1;
	}
	*at = end + strlen(close);
	return true;
}

struct answer {
	struct s3 *s;
	struct s3_call *c;
	struct err *err; /* of the sink */
	bool poured, failed;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *x = arg;
	size_t len = size * n;
	long status = 0;
	curl_easy_getinfo(x->s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->c->sink && status >= 200 && status < 300) {
		x->poured = true;
		x->failed = x->c->sink(x->c->arg, data, len, x->err) < 0;
		return x->failed ? 0 : len;
	}
	if (x->c->text.len + len <= TEXT_MAX)
		strbuf_add(&x->c->text, data, len);
	return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct answer *x = arg;
	size_t len = size * n, name = strlen("etag:");
	if (len <= name || strncasecmp(data, "etag:", name) != 0)
		return len;
	const char *p = data + name, *end = data + len;
	while (p < end && *p == ' ')
		p++;
	while (end > p && (unsigned char)end[-1] <= ' ')
		end--;
	if ((size_t)(end - p) < sizeof x->c->etag) {
		memcpy(x->c->etag, p, (size_t)(end - p));
		x->c->etag[end - p] = 0;
	}
	return len;
}

static void set_up(struct s3 *s, struct answer *x, char *message)
{
	CURL *c = s->curl;
	const struct s3_call *call = x->c;
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_RESOLVE, s->resolve);
	if (s->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca);
	if (call->body || str_eq(call->method, "POST")) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body ? call->body : "");
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method);
}

static char *path_of(const struct s3 *s, const struct s3_call *c)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addf(&b, "/%s", s->bucket);
	if (c->key) {
		strbuf_addc(&b, '/');
		add_encoded(&b, c->key, "/");
	}
	if (c->query)
		strbuf_addf(&b, "?%s", c->query);
	return strbuf_steal(&b);
}

/* The server's own words, as S3 has them. */
static int refused(const struct s3 *s, const struct s3_call *c, struct err *err)
{
	_cleanup_strbuf_ struct strbuf code = STRBUF_INIT, message = STRBUF_INIT;
	const char *at = strbuf_cstr(&c->text), *again = at;
	bool said = s3_xml(&at, "Code", &code), more = s3_xml(&again, "Message", &message);
	_cleanup_free_ char *what = xasprintf(
		"bucket %s at %s: %s%s%s", s->bucket, s->base, c->method, c->key ? " " : "", c->key ? c->key : "");
	err_set(err, c->status == 404 && c->key ? ERR_VERIFY : ERR_NETWORK, "%s: answer %ld%s%.80s%s%.200s", what,
		c->status, said ? " " : "", said ? code.s : "", more ? ": " : "", more ? message.s : "");
	return -1;
}

/* One try. 0, or -1; *again tells whether it may be over soon. */
static int attempt(struct s3 *s, struct s3_call *c, bool *again, struct err *err)
{
	char message[CURL_ERROR_SIZE] = "", hash[HASH_HEX];
	_cleanup_strvec_ struct strvec headers = STRVEC_INIT;
	_cleanup_free_ char *path = path_of(s, c), *url = xasprintf("%s%s", s->base, path);
	struct curl_slist *list = NULL;
	struct answer x = {.s = s, .c = c, .err = err};
	const struct sigv4 keys = {s->access_key, s->secret_key, s->region, "s3"};
	hash_bytes(c->body ? c->body : "", c->body ? c->len : 0, hash);
	const struct sigv4_request what = {
		.method = c->method, .host = s->host, .path = path, .body_hash = hash, .at = time(NULL)};
	sigv4_sign(&keys, &what, &headers);
	strvec_add(&headers, "Expect:");
	for (size_t i = 0; i < headers.n; i++)
		list = curl_slist_append(list, headers.v[i]);
	set_up(s, &x, message);
	curl_easy_setopt(s->curl, CURLOPT_URL, url);
	curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, list);
	strbuf_reset(&c->text);
	c->status = 0;
	CURLcode code = curl_easy_perform(s->curl);
	curl_slist_free_all(list);
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &c->status);
	*again = !x.poured;
	if (x.failed)
		return -1;
	if (code != CURLE_OK) {
		bool never = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
		*again &= !never;
		return err_set(err, ERR_NETWORK, "bucket %s at %s: %s", s->bucket, s->base,
			*message ? message : curl_easy_strerror(code));
	}
	*again &= c->status == 429 || (c->status >= 500 && c->status != 501);
	return c->status >= 200 && c->status < 300 ? 0 : refused(s, c, err);
}

int s3_do(struct s3 *s, struct s3_call *c, struct err *err)
{
	for (unsigned i = 1;; i++) {
		bool again;
		_cleanup_err_ struct err why = ERR_INIT;
		if (attempt(s, c, &again, &why) == 0)
			return 0;
		if (!again || i == TRIES) {
			err_move(err, &why);
			return -1;
		}
		agent_sleep(500u << i);
	}
}
