/*
 * A web server on a loopback port that misbehaves as told: for each path a body and one behaviour per request (the last
 * one stays). Every connection has a thread of its own and serves one request.
 */
#pragma once
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum fault {
	SERVE,		 /* as it should be, ranges as well */
	SERVE_NO_RANGE,	 /* 200 and all bytes, whatever range was asked for */
	SERVE_NO_LENGTH, /* no Content-Length; the end of the connection is the end */
	CUT,		 /* announces all, sends half, closes */
	CUT_NO_LENGTH,	 /* sends half and closes, without having announced a length */
	CUT_NO_RANGE,	 /* the same half of all, whatever range was asked for */
	STALL,		 /* sends half, then nothing more */
	STALL_AT_ONCE,	 /* sends a header only */
	DRIP,		 /* a tenth every 150 ms, all of it */
	WRONG_BYTES,	 /* right length, one bit different */
	WRONG_RANGE,	 /* a range, but another than asked for */
	TOO_LONG,	 /* announces and sends one byte more */
	TOO_LONG_NO_LENGTH,
	TOO_SHORT,     /* announces and sends one byte less */
	SILENT,	       /* closes without a word */
	GARBAGE,       /* no HTTP at all */
	REDIRECT,      /* to /target */
	REDIRECT_FILE, /* to file:///etc/passwd */
	REDIRECT_LOOP,
	STATUS_403 = 403,
	STATUS_404 = 404,
	STATUS_410 = 410,
	STATUS_416 = 416,
	STATUS_429 = 429,   /* Retry-After: 1 */
	STATUS_4290 = 4290, /* Retry-After: 3600 */
	STATUS_500 = 500,
	STATUS_5001 = 5001, /* 500 with Retry-After: 1 */
	STATUS_503 = 503,
};

struct route {
	const char *path;
	const char *body;
	size_t len;
	enum fault faults[10];
	unsigned n_faults; /* 0: SERVE */
	_Atomic unsigned requests;
	char last_range[64], last_if_range[64]; /* of the latest request; "" when it had none */
};

struct server {
	struct route *routes;
	size_t n;
	const char *root; /* files below it are served for paths that have no route */
	int fd;
	unsigned port;
	pthread_t thread;
	_Atomic unsigned busy;
};

struct server_call {
	struct server *s;
	int fd;
};

static void say(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *fmt, ...)
{
	struct strbuf b = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	(void)!send(fd, b.s, b.len, MSG_NOSIGNAL);
	strbuf_release(&b);
}

static void send_bytes(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			return;
		p += k;
		n -= (size_t)k;
	}
}

static void header_of(const char *request, const char *name, char value[64])
{
	const char *at = strcasestr(request, name);

	value[0] = 0;
	if (at)
		snprintf(value, 64, "%.*s", (int)strcspn(at + strlen(name), "\r\n"), at + strlen(name));
}

static void serve_status(int fd, enum fault f)
{
	unsigned status = f > 999 ? f / 10 : f;

	say(fd, "HTTP/1.1 %u Whatever\r\nContent-Length: 6\r\nConnection: close\r\n%s\r\nsorry\n", status,
		f == STATUS_4290		      ? "Retry-After: 3600\r\n"
		: f == STATUS_429 || f == STATUS_5001 ? "Retry-After: 1\r\n"
						      : "");
}

static void serve_body(int fd, const struct route *r, const char *range, enum fault f)
{
	size_t from = 0, len = r->len;
	char *body = xmalloc(r->len + 1);

	memcpy(body, r->body, r->len);
	body[r->len] = 'x';
	if (f == WRONG_BYTES && len)
		body[len / 2] ^= 1;
	if (f == TOO_LONG || f == TOO_LONG_NO_LENGTH)
		len++;
	if (f == TOO_SHORT)
		len--;
	if (str_starts(range, "bytes=") && f != SERVE_NO_RANGE && f != CUT_NO_RANGE)
		from = strtoul(range + 6, NULL, 10);
	if (from > len)
		from = len;
	if (from) /* asked for the rest */
		say(fd, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%zu/%zu\r\n",
			f == WRONG_RANGE ? from - 1 : from, len - 1, len);
	else
		say(fd, "HTTP/1.1 200 OK\r\n");
	if (f != CUT_NO_LENGTH && f != CUT_NO_RANGE && f != TOO_LONG_NO_LENGTH && f != SERVE_NO_LENGTH)
		say(fd, "Content-Length: %zu\r\n", len - from);
	say(fd, "ETag: \"%s\"\r\nConnection: close\r\n\r\n", r->path + 1);
	bool half = f == CUT || f == CUT_NO_LENGTH || f == CUT_NO_RANGE || f == STALL;
	for (size_t i = 0; f == DRIP && i < 9; from += (len - from) / (10 - i), i++) {
		send_bytes(fd, body + from, (len - from) / (10 - i));
		usleep(150000);
	}
	send_bytes(fd, body + from, f == STALL_AT_ONCE ? 0 : half ? (len - from) / 2 : len - from);
	if (f == STALL || f == STALL_AT_ONCE) /* until the other side gives up */
		poll(&(struct pollfd){.fd = fd, .events = POLLRDHUP}, 1, 20000);
	free(body);
}

static void serve(int fd, const struct route *r, const char *range, enum fault f)
{
	if (f == SILENT)
		return;
	if (f == GARBAGE)
		say(fd, "this is not the protocol you are looking for\r\n\r\n");
	else if (f == REDIRECT || f == REDIRECT_FILE || f == REDIRECT_LOOP)
		say(fd, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			f == REDIRECT	     ? "/target"
			: f == REDIRECT_LOOP ? r->path
					     : "file:///etc/passwd");
	else if (f >= STATUS_403)
		serve_status(fd, f);
	else
		serve_body(fd, r, range, f);
}

static void serve_file(int fd, const char *root, const char *path, bool head)
{
	struct err err = ERR_INIT;
	size_t n;
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	for (; *path; path++)
		if (*path == '%' && path[1] && path[2]) {
			strbuf_addc(&plain, (char)strtoul((char[]){path[1], path[2], 0}, NULL, 16));
			path += 2;
		} else {
			strbuf_addc(&plain, *path);
		}
	_cleanup_free_ char *file = path_join(root, strbuf_cstr(&plain)), *text = path_read(file, 1 << 26, &n, &err);
	err_release(&err);
	if (!text) {
		serve_status(fd, STATUS_404);
		return;
	}
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", n);
	if (!head)
		send_bytes(fd, text, n);
}

static void *serve_call(void *arg)
{
	struct server_call *c = arg;
	char request[4096];
	size_t n = 0;
	ssize_t k;

	while (n < sizeof request - 1 && (k = recv(c->fd, request + n, sizeof request - 1 - n, 0)) > 0) {
		n += (size_t)k;
		request[n] = 0;
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	request[n] = 0;
	char *path = strchr(request, ' ');
	size_t len = path ? strcspn(++path, " ") : 0;
	struct route *r = NULL;
	for (size_t i = 0; path && i < c->s->n; i++)
		if (strlen(c->s->routes[i].path) == len && memcmp(c->s->routes[i].path, path, len) == 0)
			r = &c->s->routes[i];
	if (r) {
		unsigned i = r->requests++;
		char range[64]; /* of this request, whatever another one asks for at the same time */
		header_of(request, "\r\nRange: ", range);
		memcpy(r->last_range, range, sizeof range);
		header_of(request, "\r\nIf-Range: ", r->last_if_range);
		serve(c->fd, r, range, r->n_faults ? r->faults[i < r->n_faults ? i : r->n_faults - 1] : SERVE);
	} else if (path && c->s->root) {
		_cleanup_free_ char *file = xstrndup(path, len);
		serve_file(c->fd, c->s->root, file, str_starts(request, "HEAD "));
	} else if (n) {
		serve_status(c->fd, STATUS_404);
	}
	shutdown(c->fd, SHUT_WR);
	close(c->fd);
	c->s->busy--;
	free(c);
	return NULL;
}

static void *server_main(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		struct server_call *c = xmalloc(sizeof *c);
		*c = (struct server_call){s, fd};
		pthread_t t;
		s->busy++;
		pthread_create(&t, NULL, serve_call, c);
		pthread_detach(t);
	}
}

static void server_start(struct server *s, struct route *routes, size_t n)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*s = (struct server){.routes = routes, .n = n, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (bind(s->fd, (struct sockaddr *)&a, len) < 0 || listen(s->fd, 64) < 0 ||
		getsockname(s->fd, (struct sockaddr *)&a, &len) < 0)
		abort();
	s->port = ntohs(a.sin_port);
	pthread_create(&s->thread, NULL, server_main, s);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	while (s->busy)
		usleep(1000);
}
