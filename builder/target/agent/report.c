/*
 * `report`: the status to whoever listens outside (a virtio port, or the socket of the nspawn engine) as JSON lines,
 * and to the console as text. A line whenever something changes, a heartbeat every few seconds, and the whole at the
 * end.
 */
#include "base/json.h"
#include "base/path.h"
#include "target/agent/status.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT "/dev/virtio-ports/kiln.report"
#define SOCKET "/run/kiln-report/socket"
#define HEARTBEAT_MS 5000
#define TICK_MS 500

struct channel {
	int fd;
	bool port; /* it has a blocking writer on the other end only when someone listens */
};

static int connect_socket(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = SOCKET};
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return -1;
	return steal_fd(&fd);
}

static bool channel_open(struct channel *c)
{
	if (c->fd >= 0)
		return true;
	c->fd = open(PORT, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	c->port = c->fd >= 0;
	if (c->fd < 0)
		c->fd = connect_socket();
	return c->fd >= 0;
}

/* A whole line or, when nobody reads for ten seconds, none: the channel is opened anew then. */
static bool channel_write(struct channel *c, const char *line)
{
	size_t len = strlen(line), done = 0;
	for (int waited = 0; channel_open(c) && done < len;) {
		ssize_t n = write(c->fd, line + done, len - done);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		if (waited++ > 100)
			break;
		agent_sleep(100);
	}
	if (done == len)
		return true;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	return false;
}

static bool channel_status(struct channel *c, const char *type, json_t *status)
{
	json_object_set_new(status, "type", json_string(type));
	_cleanup_free_ char *text = json_compact(status), *line = xasprintf("%s\n", text);
	return channel_write(c, line);
}

struct reporter {
	struct agent *a;
	struct channel channel;
	char *essence;
	uint64_t sent_ms;
	bool final_sent; /* the whole, for the present state "ready" */
};

static void send_final(struct reporter *r, json_t *status)
{
	status_details(r->a, status);
	status_inventory(r->a, status);
	r->final_sent = true;
	channel_status(&r->channel, "final", status);
}

static void tick(struct reporter *r)
{
	_cleanup_json_ json_t *status = status_core(r->a);
	_cleanup_free_ char *now = status_essence(status);
	bool changed = !str_eq(now, r->essence), due = agent_ms() - r->sent_ms >= HEARTBEAT_MS;
	if (changed || due) {
		bool sent = channel_status(&r->channel, changed ? "status" : "heartbeat", status);
		r->sent_ms = agent_ms();
		if (sent || r->channel.fd < 0) {
			free(r->essence);
			r->essence = steal(now);
		}
	}
	bool ready = str_eq(json_string_value(json_object_get(status, "state")), "ready") &&
		     json_is_integer(json_object_get(status, "ready_ms"));
	if (ready && !r->final_sent)
		send_final(r, status);
	else if (!ready)
		r->final_sent = false;
}

/*
 * What a provision says of itself (status_core reads it) wakes the reporter: one that runs for less than a tick is seen
 * to run, too. -1: it is looked at every tick, like everything else.
 */
static int watch_provisions(const struct agent *a)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *dir = path_join(a->run, "provision");
	_cleanup_fd_ int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0 || path_mkdirs(dir, &ignored) < 0 || inotify_add_watch(fd, dir, IN_MOVED_TO) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Until something is to be told, or a tick is over; a signal ends it early. */
static void pause_for_news(int news)
{
	char events[4096];
	struct pollfd p = {.fd = news, .events = POLLIN};
	if (poll(&p, 1, TICK_MS) > 0)
		while (read(news, events, sizeof events) > 0)
			;
}

static volatile sig_atomic_t ending, asked;
static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		asked = 1;
	else
		ending = 1;
}

int cmd_report(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv, (void)err;
	struct reporter r = {.a = a, .channel = {.fd = -1}};
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	_cleanup_fd_ int news = watch_provisions(a);
	while (!ending) {
		tick(&r);
		if (asked) {
			_cleanup_json_ json_t *status = status_core(a);
			asked = 0;
			send_final(&r, status);
		}
		pause_for_news(news);
	}
	/* The machine goes down: what is known now, ready or not. */
	_cleanup_json_ json_t *status = status_core(a);
	status_details(a, status);
	status_inventory(a, status);
	channel_status(&r.channel, "end", status);
	free(r.essence);
	if (r.channel.fd >= 0)
		close(r.channel.fd);
	return 0;
}
