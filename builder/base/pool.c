#include "base/pool.h"
#include "base/mem.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct pool {
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
	pool_fn fn;
	void *arg;
	pthread_mutex_t lock;
	struct err err; /* the first one */
};

static void *worker(void *p)
{
	struct pool *pool = p;

	while (!atomic_load(&pool->failed)) {
		size_t i = atomic_fetch_add(&pool->next, 1);
		if (i >= pool->n)
			break;
		struct err e = ERR_INIT;
		if (pool->fn(i, pool->arg, &e) == 0)
			continue;
		pthread_mutex_lock(&pool->lock);
		if (!atomic_exchange(&pool->failed, true))
			err_move(&pool->err, &e);
		pthread_mutex_unlock(&pool->lock);
		err_release(&e);
	}
	return NULL;
}

unsigned pool_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

int pool_map(size_t n, unsigned threads, pool_fn fn, void *arg, struct err *err)
{
	struct pool pool = {.n = n, .fn = fn, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER};
	if (!threads)
		threads = pool_cores();
	if (threads > n)
		threads = n ? (unsigned)n : 1;
	_cleanup_free_ pthread_t *ids = xcalloc(threads, sizeof *ids);
	unsigned started = 0;

	/* A thread that cannot be started is no error: the others do its work. */
	while (started + 1 < threads && pthread_create(&ids[started], NULL, worker, &pool) == 0)
		started++;
	worker(&pool);
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	if (!atomic_load(&pool.failed))
		return 0;
	err_move(err, &pool.err);
	return -1;
}
