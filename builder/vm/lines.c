#include "vm/lines.h"
#include "base/mem.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LINE = 16 << 20 };

uint64_t vm_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static char *take_line(struct lines *l)
{
	char *start = l->buf.s ? l->buf.s + l->used : NULL;
	char *end = start ? memchr(start, '\n', l->buf.len - l->used) : NULL;

	if (!end)
		return NULL;
	*end = 0;
	if (end > start && end[-1] == '\r')
		end[-1] = 0;
	l->used = (size_t)(end - l->buf.s) + 1;
	return start;
}

static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* 1 something came, 0 nothing within the time, -1 error. */
static int fill(struct lines *l, int timeout_ms, struct err *err)
{
	char chunk[65536];
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	bool file = is_file(l->fd);

	if (!file) {
		int r = poll(&p, 1, timeout_ms);
		if (r <= 0)
			return r < 0 && errno != EINTR ? err_sys(err, errno, "wait for the machine") : 0;
	}
	ssize_t n = read(l->fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		l->eof = !file; /* a file may grow */
		return 0;
	}
	/* What was given out is dropped now; the caller's line is not valid any more. */
	memmove(l->buf.s ? l->buf.s : chunk, l->buf.s ? l->buf.s + l->used : chunk, l->buf.len - l->used);
	l->buf.len -= l->used;
	l->used = 0;
	strbuf_add(&l->buf, chunk, (size_t)n);
	if (l->buf.len > MAX_LINE && !memchr(l->buf.s, '\n', l->buf.len)) {
		l->eof = true; /* what follows is no whole line either, and must not fill the memory */
		strbuf_reset(&l->buf);
		return err_set(err, ERR_VERIFY, "the machine sent a line of more than %s", str_bytes(MAX_LINE));
	}
	return 1;
}

const char *lines_next(struct lines *l, int timeout_ms, struct err *err)
{
	uint64_t end = vm_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);

	for (;;) {
		char *line = take_line(l);
		if (line || l->fd < 0 || l->eof)
			return line;
		uint64_t t = vm_ms();
		int r = fill(l, t < end ? (int)(end - t) : 0, err);
		if (r < 0 || (r == 0 && (vm_ms() >= end || is_file(l->fd))))
			return NULL;
	}
}

void lines_release(struct lines *l)
{
	if (l->fd >= 0)
		close(l->fd);
	strbuf_release(&l->buf);
	*l = (struct lines){.fd = -1};
}

int lines_connect(const char *path, int timeout_ms, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	uint64_t end = vm_ms() + (uint64_t)timeout_ms;

	if (strlen(path) >= sizeof a.sun_path)
		return err_set(err, ERR_IO, "socket %s: the path is longer than the %zu bytes a socket may have", path,
			sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, strlen(path));
	for (;;) {
		_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return err_sys(err, errno, "open a socket");
		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			return steal_fd(&fd);
		if (vm_ms() >= end)
			return err_sys(err, errno, "connect to %s", path);
		usleep(20000);
	}
}
