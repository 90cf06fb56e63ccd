/*
 * One stream between a program in a container and a vault, through the compressor, with its checksum. The machine's
 * disk holds nothing of it. Whoever reads such a stream must never take a cut one for a whole one: when something
 * fails, the reader is killed before its input ends.
 */
#include "base/proc.h"
#include "target/agent/backup.h"
#include "target/agent/podman.h"
#include "target/agent/probe.h"
#include "target/agent/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

struct stream {
	struct podman_child in_container;
	struct proc compressor;
	struct strvec argv;
	struct podman_exec run;
	uint64_t end_ms;
	int fd; /* our end: what the compressor writes, or reads */
};

/* A path through the compressor: a pipe from us to it or back, and one between it and the container. */
struct pipes {
	int ours[2], theirs[2];
};

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		cleanup_fd(&p->ours[i]);
		cleanup_fd(&p->theirs[i]);
		p->ours[i] = p->theirs[i] = -1;
	}
}

static int make_pipes(struct pipes *p, struct err *err)
{
	*p = (struct pipes){{-1, -1}, {-1, -1}};
	if (pipe2(p->ours, O_CLOEXEC) == 0 && pipe2(p->theirs, O_CLOEXEC) == 0)
		return 0;
	err_sys(err, errno, "pipe");
	close_pipes(p);
	return -1;
}

static const struct container *healthy(const struct agent *a, const struct backup_item *b, struct err *err)
{
	_cleanup_strvec_ struct strvec tried = STRVEC_INIT;
	for (const char *const *n = b->containers; *n; n++) {
		_cleanup_err_ struct err why = ERR_INIT;
		const struct container *c = machine_container(&a->m, *n);
		if (c && probe(c, &why) == 0)
			return c;
		strvec_addf(&tried, "%s (%s)", *n, c ? why.msg : "unknown");
	}
	_cleanup_free_ char *list = strvec_join(&tried, ", ");
	err_set(err, ERR_TEST, "not healthy: %s", list);
	return NULL;
}

/* What the program said goes into a state file and a status: without secrets. */
static void add_said(const struct agent *a, const struct strbuf *said, struct err *err)
{
	_cleanup_strvec_ struct strvec masks = STRVEC_INIT;
	text_mask_all(a, &masks);
	_cleanup_free_ char *clean = text_mask(strbuf_cstr(said), &masks);
	_cleanup_free_ char *all = xasprintf("%s:\n%s", err->msg, clean);
	if (said->len)
		err_set(err, err->kind, "%s", all);
}

static int prepare(
	struct stream *s, const struct agent *a, const struct backup_item *b, const json_t *command, struct err *err)
{
	const struct container *c = healthy(a, b, err);
	if (!c)
		return -1;
	for (size_t i = 0; i < json_array_size(command); i++) {
		char *word = NULL;
		const char *text = json_string_value(json_array_get(command, i));
		if (text_resolve(a, text ? text : "", NULL, &word, err) < 0)
			return -1;
		strvec_take(&s->argv, word);
	}
	s->run = (struct podman_exec){.container = c->name, .user = b->user, .argv = (const char *const *)s->argv.v};
	s->end_ms = agent_ms() + b->timeout_ms;
	s->fd = -1;
	signal(SIGPIPE, SIG_IGN);
	return s->argv.n ? 0 : err_set(err, ERR_CONFIG, "the command is empty");
}

static void end_stream(struct stream *s)
{
	podman_kill(&s->in_container);
	proc_kill(&s->compressor);
	cleanup_fd(&s->fd);
	strvec_release(&s->argv);
}

static int late(const struct stream *s, struct err *err)
{
	return err_set(err, ERR_TOOL, "%s in %s did not end in time", s->run.argv[0], s->run.container);
}

/* Until the pipe is ready. */
static int wait_for(const struct stream *s, short events, struct err *err)
{
	for (;;) {
		uint64_t now = agent_ms();
		struct pollfd p = {.fd = s->fd, .events = events};
		if (now >= s->end_ms)
			return late(s, err);
		int r = poll(&p, 1, s->end_ms - now > 60000 ? 60000 : (int)(s->end_ms - now));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_sys(err, errno, "poll");
	}
}

/* Both programs to their ends, the container's first: its words explain the other's. */
static int ended(struct stream *s, const struct agent *a, struct err *err)
{
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	siginfo_t info = {0};
	while (waitid(P_PID, (id_t)s->in_container.proc.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid) {
		if (agent_ms() >= s->end_ms)
			return late(s, err);
		agent_sleep(20);
	}
	if (podman_wait(&s->in_container, &s->run, &said, err) < 0) {
		add_said(a, &said, err);
		return -1;
	}
	return proc_wait(&s->compressor, err);
}

static int start_save(struct stream *s, struct err *err)
{
	static const char *const compress[] = {"zstd", "-q", "-c", "-T0", NULL};
	struct pipes p;
	if (make_pipes(&p, err) < 0)
		return -1;
	int r = proc_start(&s->compressor, compress, &(struct proc_opts){.in = p.theirs[0], .out = p.ours[1]}, err);
	if (r == 0)
		r = podman_start(&s->run, 0, p.theirs[1], &s->in_container, err);
	if (r == 0)
		s->fd = steal_fd(&p.ours[0]);
	close_pipes(&p);
	return r;
}

static int copy_out(struct stream *s, struct vault *v, struct hash *h, uint64_t *size, struct err *err)
{
	_cleanup_free_ char *buf = xmalloc(CHUNK);
	for (;;) {
		if (wait_for(s, POLLIN, err) < 0)
			return -1;
		ssize_t n = read(s->fd, buf, CHUNK);
		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "read from the compressor");
		if (n == 0)
			return 0;
		if (n < 0)
			continue;
		hash_add(h, buf, (size_t)n);
		*size += (uint64_t)n;
		if (v->kind->write(v, buf, (size_t)n, err) < 0)
			return -1;
	}
}

int stream_save(
	const struct agent *a, const struct backup_item *b, struct vault *v, struct manifest *m, struct err *err)
{
	struct stream s = {.fd = -1};
	char time[BACKUP_TIME];
	struct hash *h = hash_new();
	backup_time_format(m->time, time);
	m->size = 0;
	int r = prepare(&s, a, b, b->save, err);
	if (r == 0 && (v->kind->begin(v, b->id, time, err) < 0 || start_save(&s, err) < 0 ||
			      copy_out(&s, v, h, &m->size, err) < 0 || ended(&s, a, err) < 0))
		r = -1;
	end_stream(&s);
	hash_end(h, m->sha256);
	_cleanup_free_ char *text = r == 0 ? manifest_text(m) : NULL;
	if (r == 0)
		r = v->kind->commit(v, text, err);
	if (r < 0)
		v->kind->abandon(v);
	return r;
}

struct sum {
	struct hash *h;
	uint64_t size, most;
	struct stream *to; /* NULL: only look */
};

static int feed(struct stream *s, const char *data, size_t n, struct err *err)
{
	while (n) {
		if (wait_for(s, POLLOUT, err) < 0)
			return -1;
		ssize_t w = write(s->fd, data, n);
		if (w < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (w < 0 && errno == EPIPE)
			return 1;
		if (w < 0)
			return err_sys(err, errno, "write to the decompressor");
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

static int sum_sink(void *arg, const void *data, size_t n, struct err *err)
{
	struct sum *s = arg;
	s->size += n;
	if (s->size > s->most)
		return err_set(err, ERR_VERIFY, "it is longer than its manifest says");
	hash_add(s->h, data, n);
	if (!s->to || s->to->fd < 0)
		return 0;
	int r = feed(s->to, data, n, err);
	if (r == 1) { /* it reads no more: what it said tells why */
		cleanup_fd(&s->to->fd);
		s->to->fd = -1;
		err_set(err, ERR_TOOL, "%s in %s does not read to the end", s->to->run.argv[0], s->to->run.container);
		return -1;
	}
	return r;
}

static int read_sum(struct vault *v, const struct manifest *m, struct stream *to, struct err *err)
{
	struct sum s = {.h = hash_new(), .most = m->size, .to = to};
	char time[BACKUP_TIME], hex[HASH_HEX];
	backup_time_format(m->time, time);
	int r = v->kind->read(v, m->item, time, sum_sink, &s, err);
	hash_end(s.h, hex);
	if (r == 0 && s.size != m->size)
		r = err_set(err, ERR_VERIFY, "it is shorter than its manifest says");
	if (r == 0 && !str_eq(hex, m->sha256))
		r = err_set(err, ERR_VERIFY, "its SHA-256 is not that of its manifest");
	return r < 0 ? err_wrap(err, "%s: %s of %s", v->where, m->item, backup_time_text(m->time)) : 0;
}

int stream_verify(struct vault *v, const struct manifest *m, struct err *err)
{
	return read_sum(v, m, NULL, err);
}

static int start_load(struct stream *s, struct err *err)
{
	static const char *const decompress[] = {"zstd", "-q", "-d", "-c", NULL};
	struct pipes p;
	if (make_pipes(&p, err) < 0)
		return -1;
	int r = proc_start(&s->compressor, decompress, &(struct proc_opts){.in = p.ours[0], .out = p.theirs[1]}, err);
	if (r == 0)
		r = podman_start(&s->run, p.theirs[0], 0, &s->in_container, err);
	if (r == 0 && fcntl(p.ours[1], F_SETFL, O_NONBLOCK) < 0)
		r = err_sys(err, errno, "pipe");
	if (r == 0)
		s->fd = steal_fd(&p.ours[1]);
	close_pipes(&p);
	return r;
}

int stream_load(
	const struct agent *a, const struct backup_item *b, struct vault *v, const struct manifest *m, struct err *err)
{
	struct stream s = {.fd = -1};
	int r = prepare(&s, a, b, b->load, err);
	if (r == 0)
		r = start_load(&s, err);
	if (r == 0)
		r = read_sum(v, m, &s, err);
	if (r == 0) {
		cleanup_fd(&s.fd);
		s.fd = -1;
		r = ended(&s, a, err);
	} else if (err->kind == ERR_TOOL && s.in_container.proc.pid > 0) {
		/* the reader ended by itself: its own words are the better ones */
		_cleanup_err_ struct err own = ERR_INIT;
		if (s.fd < 0 && ended(&s, a, &own) < 0)
			err_move(err, &own);
	}
	end_stream(&s);
	return r;
}
