/*
 * `watch`: the health of all containers in one process, one thread each (a probe blocks, and most of the time all
 * sleep). What stays unhealthy is restarted, less and less often; what systemd restarts is counted with it.
 */
#include "target/agent/watch.h"
#include "base/log.h"
#include "target/agent/health.h"
#include "target/agent/patience.h"
#include "target/agent/probe.h"
#include "target/agent/unit.h"
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>

enum { STACK = 512 << 10, FAILS = 3, BEAT_MS = 5000, COUNT_MS = 10000 };
#define PATIENCE_MS 30000
#define BACKOFF_FIRST_MS 60000
#define BACKOFF_MAX_MS 900000

struct watch {
	struct agent *a;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool dirty;
	struct health_table table;
};
struct watched {
	struct watch *w;
	const struct container *c;
	struct watch_state s;
};

static enum health_state judge(struct watch_state *s, const struct health *h, bool running, bool ok, uint64_t now)
{
	if (!running) {
		s->started_ms = 0;
		s->was_healthy = false;
		s->fails = 0;
		return HEALTH_STARTING;
	}
	if (!s->started_ms)
		s->started_ms = now;
	if (ok) {
		if (!s->was_healthy)
			s->healthy_since_ms = now;
		s->was_healthy = true;
		s->fails = 0;
		/* Quiet for long enough: the next trouble is a new one. */
		if (now - s->healthy_since_ms > BACKOFF_MAX_MS)
			s->backoff_ms = 0;
		return HEALTH_HEALTHY;
	}
	s->fails++;
	if (s->was_healthy)
		return s->fails < FAILS ? HEALTH_HEALTHY : HEALTH_UNHEALTHY;
	return now - s->started_ms < h->start_ms || s->fails < FAILS ? HEALTH_STARTING : HEALTH_UNHEALTHY;
}

enum health_state watch_step(struct watch_state *s, const struct health *h, bool running, bool ok, uint64_t now)
{
	enum health_state state = judge(s, h, running, ok, now);
	if (state != HEALTH_UNHEALTHY)
		s->unhealthy_since_ms = 0;
	else if (!s->unhealthy_since_ms)
		s->unhealthy_since_ms = now;
	return state;
}

bool watch_restart_due(struct watch_state *s, uint64_t now)
{
	if (!s->unhealthy_since_ms || now - s->unhealthy_since_ms < PATIENCE_MS || now < s->next_restart_ms)
		return false;
	s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (s->backoff_ms > BACKOFF_MAX_MS)
		s->backoff_ms = BACKOFF_MAX_MS;
	s->next_restart_ms = now + s->backoff_ms;
	return true;
}

bool watch_count(struct health_entry *e, unsigned unit_restarts)
{
	unsigned more = unit_restarts < e->unit_restarts ? unit_restarts : unit_restarts - e->unit_restarts;
	e->unit_restarts = unit_restarts;
	e->restarts += more;
	return more > 0;
}

/* Take over one result; the reason only while it matters. */
static void record(struct watched *x, enum health_state state, const char *reason, bool restarted)
{
	struct watch *w = x->w;
	pthread_mutex_lock(&w->lock);
	struct health_entry *e = &w->table.v[x->c - w->a->m.containers];
	bool differs = e->state != state || !str_eq(e->reason, reason) || restarted;
	if (e->state != state)
		e->since_ms = agent_ms();
	e->state = state;
	e->restarts += restarted;
	if (differs) {
		free(e->reason);
		e->reason = reason ? xstrdup(reason) : NULL;
		w->dirty = true;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

/* Only an active unit is ours to restart: one that starts, or waits to be restarted, is in systemd's hands. */
static bool restart(struct watched *x, const char *why)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *state = unit_state(x->c->unit, &err);
	const char *verb = str_eq(state, "active") ? "restart" : str_eq(state, "failed") ? "start" : NULL;
	if (!verb)
		return false;
	log_warn("%s stays unhealthy (%s): %s", x->c->name, why, verb);
	if (unit_queue(verb, x->c->unit, &err) < 0) {
		log_warn("%s", err.msg);
		return false;
	}
	return true;
}

static void *watch_container(void *arg)
{
	struct watched *x = arg;
	const struct health *h = &x->c->health;
	for (;;) {
		_cleanup_err_ struct err why = ERR_INIT;
		bool running = unit_running(x->c->unit);
		bool ok = running && probe(x->c, &why) == 0;
		uint64_t now = patience_ms() + 1; /* 0 means never */
		enum health_state state = watch_step(&x->s, h, running, ok, now);
		const char *reason = state == HEALTH_HEALTHY ? NULL : running ? why.msg : "not running";
		bool restarted = state == HEALTH_UNHEALTHY && watch_restart_due(&x->s, now) && restart(x, reason);
		record(x, state, reason, restarted);
		/* Until it is healthy every second counts; an exec costs a podman each time. */
		uint64_t pause = h->interval_ms, quick = h->kind == PROBE_EXEC && running ? 3000 : 1000;
		agent_sleep(state == HEALTH_HEALTHY || pause < quick ? pause : quick);
	}
	return NULL;
}

/*
 * What ends by itself, or is killed for memory, systemd starts again within a second or a minute, often between two
 * looks of its watcher. In a thread of its own: a systemd that is slow to answer must not keep the table from being
 * written.
 */
static void *count_restarts(void *arg)
{
	struct watch *w = arg;
	unsigned *counts = xcalloc(w->table.n + 1, sizeof *counts);
	for (bool failed = false;; agent_sleep(COUNT_MS)) {
		_cleanup_err_ struct err err = ERR_INIT;
		pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < w->table.n; i++)
			counts[i] = w->table.v[i].unit_restarts;
		pthread_mutex_unlock(&w->lock);
		bool known = unit_restarts(&w->a->m, counts, &err) == 0;
		if (!known && !failed)
			log_warn("restarts are not counted: %s", err.msg);
		failed = !known;
		pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < w->table.n; i++)
			w->dirty |= watch_count(&w->table.v[i], counts[i]);
		if (w->dirty)
			pthread_cond_signal(&w->changed);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

static int start(void *(*body)(void *), void *arg, const char *name, struct err *err)
{
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int r = pthread_create(&thread, &attr, body, arg);
	pthread_attr_destroy(&attr);
	return r ? err_sys(err, r, "thread for %s", name) : 0;
}

/* Write the table when something changed, and at least every BEAT_MS: a fresh beat says that the watch lives. */
static _Noreturn void write_for_ever(struct watch *w)
{
	for (;;) {
		pthread_mutex_lock(&w->lock);
		uint64_t until = agent_ms() + BEAT_MS;
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += BEAT_MS / 1000;
		while (!w->dirty && agent_ms() < until &&
			pthread_cond_timedwait(&w->changed, &w->lock, &t) != ETIMEDOUT)
			;
		w->dirty = false;
		w->table.beat_ms = agent_ms();
		_cleanup_err_ struct err err = ERR_INIT;
		if (health_write(w->a, &w->table, &err) < 0)
			log_warn("%s", err.msg);
		pthread_mutex_unlock(&w->lock);
		agent_sleep(50); /* several changes at once are one file */
	}
}

int cmd_watch(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	static struct watch w = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.changed, &attr);
	pthread_condattr_destroy(&attr);
	curl_global_init(CURL_GLOBAL_ALL);
	w.a = a;
	/* Restarts already done in this boot stay counted when the watch itself is restarted. */
	health_read(a, &w.table);
	struct watched *all = xcalloc(a->m.n_containers + 1, sizeof *all);
	for (size_t i = 0; i < a->m.n_containers; i++) {
		all[i] = (struct watched){.w = &w, .c = &a->m.containers[i]};
		if (start(watch_container, &all[i], all[i].c->name, err) < 0)
			return free(all), -1;
	}
	if (start(count_restarts, &w, "restarts", err) < 0)
		return free(all), -1;
	write_for_ever(&w);
}
