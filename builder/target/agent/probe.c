#include "target/agent/probe.h"
#include "target/agent/http.h"
#include "target/agent/patience.h"
#include "target/agent/podman.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

bool probe_expected(const unsigned *expect, unsigned status, unsigned low, unsigned high)
{
	if (!expect || !expect[0])
		return status >= low && status <= high;
	for (; *expect; expect++)
		if (*expect == status)
			return true;
	return false;
}

static int probe_http(const struct container *c, struct err *err)
{
	const struct health *h = &c->health;
	struct http_answer answer = {0};
	struct http_request r = {.scheme = h->kind == PROBE_HTTPS ? "https" : "http",
		.address = c->address,
		.port = h->port,
		.path = h->path,
		.timeout_ms = patience_stretch(h->timeout_ms)};
	int rc = http_do(&r, &answer, err);
	strbuf_release(&answer.body);
	if (rc == 0 && !probe_expected(h->expect, answer.status, 200, 399))
		return err_set(err, ERR_NETWORK, "%s:%u%s%s answers %u", c->address, h->port,
			h->path && *h->path == '/' ? "" : "/", h->path ? h->path : "", answer.status);
	return rc;
}

int probe_tcp(const char *address, unsigned port, uint64_t timeout_ms, struct err *err)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return err_sys(err, errno, "%s:%u", address, port);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return err_sys(err, errno, "%s:%u", address, port);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int failed = 0, r = poll(&p, 1, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
	socklen_t len = sizeof failed;
	if (r > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && !failed)
		return 0;
	return err_sys(err, r == 0 ? ETIMEDOUT : failed ? failed : errno, "%s:%u", address, port);
}

static int probe_exec(const struct container *c, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct podman_exec x = {
		.container = c->name, .argv = c->health.exec, .timeout_ms = patience_stretch(c->health.timeout_ms)};
	if (podman_exec(&x, &out, err) == 0)
		return 0;
	/* its last line, when it has one, says more than its exit status */
	while (out.len && (out.s[out.len - 1] == '\n' || out.s[out.len - 1] == '\r'))
		out.s[--out.len] = 0;
	const char *last = out.len ? strrchr(out.s, '\n') : NULL;
	if (!out.len)
		return -1;
	_cleanup_free_ char *what = xstrdup(err->msg);
	return err_set(err, ERR_TOOL, "%s: %.200s", what, last ? last + 1 : out.s);
}

int probe(const struct container *c, struct err *err)
{
	switch (c->health.kind) {
	case PROBE_HTTP:
	case PROBE_HTTPS:
		return probe_http(c, err);
	case PROBE_TCP:
		return probe_tcp(c->address, c->health.port, patience_stretch(c->health.timeout_ms), err);
	case PROBE_EXEC:
		return probe_exec(c, err);
	case PROBE_NONE:
		break;
	}
	return 0;
}
