#include "steps/graph.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/str.h"
#include "tree/namespace.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct step *graph_add(struct graph *g, const char *name, const char *what)
{
	if (g->n == ARRAY_SIZE(g->steps))
		abort(); /* far above what a profile can ask for */
	struct step *s = xcalloc(1, sizeof *s);
	s->name = xstrdup(name);
	s->what = xstrdup(what);
	g->steps[g->n++] = s;
	return s;
}

void step_needs(struct step *s, struct hash *key, const struct step *dep)
{
	if (!dep)
		return;
	size_t i = 0;
	while (s->deps[i])
		i++;
	if (i + 1 >= ARRAY_SIZE(s->deps))
		abort();
	s->deps[i] = dep;
	hash_field(key, dep->name);
	hash_field(key, dep->key);
}

char *step_file(const struct step *s, const char *name)
{
	return path_join(s->dir, name);
}

void graph_release(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free((char *)g->steps[i]->name);
		free((char *)g->steps[i]->what);
		free(g->steps[i]->dir);
		free(g->steps[i]);
	}
	g->n = 0;
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
	for (size_t i = 0; i < g->n; i++)
		look(g, g->steps[i]);
}

/* Depth first: what is not there is needed, and so is what it reads. */
static void mark(struct step *s)
{
	if (s->cached || s->needed)
		return;
	s->needed = true;
	for (size_t i = 0; s->deps[i]; i++)
		mark((struct step *)s->deps[i]);
}

static bool ready(const struct step *s)
{
	if (!s->needed || s->running || s->done)
		return false;
	for (size_t i = 0; s->deps[i]; i++)
		if (!s->deps[i]->cached && !s->deps[i]->done)
			return false;
	return true;
}

static void explain(const struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct step *s = g->steps[i];
		if (!s->dir)
			continue;
		const char *why = s->cached   ? "is in the cache"
				  : s->needed ? "runs: no output with this key"
					      : "is not needed";
		fprintf(stderr, "  %-28s %.12s  %s\n", s->name, s->key, why);
	}
}

/* Make in a temporary directory, rename into place: an interrupted step leaves nothing with its name. */
static int make_step(struct graph *g, struct step *s, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s/tmp/%s-%.32s", g->cache, s->name, s->key);
	struct progress_step *p = progress_begin(s->name, s->what, 0, PROGRESS_COUNT);

	int r = ns_remove(tmp, err);
	if (r == 0)
		r = path_mkdirs(tmp, err);
	if (r == 0)
		r = s->make(s, tmp, err);
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
	for (size_t i = 0; i < g->n; i++) {
		*left = *left || (g->steps[i]->needed && !g->steps[i]->done);
		if (ready(g->steps[i]))
			return g->steps[i];
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
	for (; *goals; goals++)
		mark(*goals);
	if (g->explain)
		explain(g);
	size_t needed = 0;
	for (size_t i = 0; i < g->n; i++)
		needed += g->steps[i]->needed && !g->steps[i]->done;
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
