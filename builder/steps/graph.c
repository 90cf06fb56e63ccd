#include "steps/graph.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/str.h"
#include "fetch/cache.h"
#include "tree/namespace.h"
#include "tree/sum.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct step *graph_add(struct graph *g, const char *name, const char *what)
{
	struct step *s = xcalloc(1, sizeof *s);
	s->name = xstrdup(name);
	s->what = xstrdup(what);
	vec_push(&g->steps, s);
	return s;
}

void step_needs(struct step *s, struct hash *key, const struct step *dep)
{
	if (!dep)
		return;
	vec_push(&s->deps, dep);
	hash_field(key, dep->name);
	hash_field(key, dep->key);
}

char *step_path(const struct step *s, const char *name)
{
	return path_join(s->dir, name);
}

void graph_release(struct graph *g)
{
	for (size_t i = 0; i < g->steps.n; i++) {
		free((char *)g->steps.v[i]->name);
		free((char *)g->steps.v[i]->what);
		free(g->steps.v[i]->dir);
		vec_release(&g->steps.v[i]->deps);
		free(g->steps.v[i]);
	}
	vec_release(&g->steps);
}

static void look(struct graph *g, struct step *s)
{
	if (s->dir)
		return;
	s->dir = xasprintf("%s/steps/%s-%.32s", g->cache, s->name, s->key);
	s->cached = path_is_dir(s->dir);
}

void graph_place(struct graph *g)
{
	for (size_t i = 0; i < g->steps.n; i++)
		look(g, g->steps.v[i]);
}

/* Depth first: what is not there is needed, and so is what it reads. */
static void mark(struct step *s)
{
	if (s->cached || s->needed)
		return;
	s->needed = true;
	for (size_t i = 0; i < s->deps.n; i++)
		mark((struct step *)s->deps.v[i]);
}

static bool ready(const struct step *s)
{
	if (!s->needed || s->running || s->done)
		return false;
	for (size_t i = 0; i < s->deps.n; i++)
		if (!s->deps.v[i]->cached && !s->deps.v[i]->done)
			return false;
	return true;
}

static void explain(const struct graph *g)
{
	for (size_t i = 0; i < g->steps.n; i++) {
		const struct step *s = g->steps.v[i];
		if (!s->dir)
			continue;
		const char *why = s->cached   ? "is in the cache"
				  : s->needed ? "runs: no output with this key"
					      : "is not needed";
		fprintf(stderr, "  %-28s %.12s  %s\n", s->name, s->key, why);
	}
}

/* Wait while another kiln makes the same step in the same cache. */
static int step_lock(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			err_sys(err, errno, "lock %s", path);
			close(fd);
			return -1;
		}
	return fd;
}

/*
 * On the disk before it has its name: else a power cut could leave the name, and empty files under it. One syncfs(2)
 * for all of it, since a step may be 50,000 files. The rename itself needs no sync: where it is lost, the step is made
 * again.
 */
static int make_durable(const char *dir, struct err *err)
{
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || syncfs(fd) < 0 ? err_sys(err, errno, "sync %s", dir) : 0;
}

static int record(void *dir, struct err *err)
{
	return sum_record(dir, err);
}

/* Make in a temporary directory, rename into place: an interrupted step leaves nothing with its name. */
static int make_locked(struct step *s, const char *tmp, struct err *err)
{
	struct progress_step *p = progress_begin(s->name, s->what, 0, PROGRESS_COUNT);
	int r = ns_remove(tmp, err);
	if (r == 0)
		r = path_mkdirs(tmp, err);
	if (r == 0)
		r = s->make(s, tmp, err);
	if (r == 0)
		r = ns_call(record, (void *)tmp, err);
	if (r == 0)
		r = make_durable(tmp, err);
	if (r == 0 && rename(tmp, s->dir) < 0)
		r = err_sys(err, errno, "move %s into the cache", s->name);
	if (r < 0) {
		struct err ignored = ERR_INIT;
		(void)ns_remove(tmp, &ignored);
		err_release(&ignored);
		err_wrap(err, "%s", s->name);
	}
	progress_end(p, r == 0);
	return r;
}

static int make_step(struct graph *g, struct step *s, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s/tmp/%s-%.32s", g->cache, s->name, s->key);
	_cleanup_free_ char *path = xasprintf("%s.lock", tmp);
	_cleanup_fd_ int lock = step_lock(path, err);

	if (lock < 0)
		return -1;
	/* It may be there: another kiln made it meanwhile. */
	if (!path_is_dir(s->dir) && make_locked(s, tmp, err) < 0)
		return -1;
	unlink(path); /* whoever waits for it will find the step made; after a failure it must stay for them */
	return 0;
}

struct runner {
	struct graph *g;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct err err;
	bool failed;
};

static struct step *next_ready(struct graph *g, bool *left)
{
	*left = false;
	for (size_t i = 0; i < g->steps.n; i++) {
		*left = *left || (g->steps.v[i]->needed && !g->steps.v[i]->done);
		if (ready(g->steps.v[i]))
			return g->steps.v[i];
	}
	return NULL;
}

static int worker(size_t unused, void *arg, struct err *unused_err)
{
	struct runner *r = arg;

	(void)unused;
	(void)unused_err;
	pthread_mutex_lock(&r->lock);
	for (;;) {
		bool left;
		struct step *s = r->failed ? NULL : next_ready(r->g, &left);
		if (!s && (r->failed || !left))
			break;
		if (!s) {
			pthread_cond_wait(&r->changed, &r->lock);
			continue;
		}
		s->running = true;
		pthread_mutex_unlock(&r->lock);
		struct err e = ERR_INIT;
		int rc = make_step(r->g, s, &e);
		pthread_mutex_lock(&r->lock);
		s->running = false;
		s->done = rc == 0;
		if (rc < 0 && !r->failed) {
			r->failed = true;
			err_move(&r->err, &e);
		}
		err_release(&e);
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	return 0;
}

int graph_run(struct graph *g, struct step *const *goals, struct err *err)
{
	struct runner r = {.g = g, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	unsigned jobs = g->jobs ? g->jobs : pool_cores();

	graph_place(g);
	for (size_t i = 0; i < g->steps.n; i++)
		if (g->steps.v[i]->cached)
			cache_used(g->steps.v[i]->dir);
	for (; *goals; goals++)
		mark(*goals);
	if (g->explain)
		explain(g);
	size_t needed = 0;
	for (size_t i = 0; i < g->steps.n; i++)
		needed += g->steps.v[i]->needed && !g->steps.v[i]->done;
	if (!needed)
		return 0;
	if (pool_map(jobs, jobs, worker, &r, err) < 0)
		return -1;
	if (r.failed) {
		err_move(err, &r.err);
		return -1;
	}
	return 0;
}
