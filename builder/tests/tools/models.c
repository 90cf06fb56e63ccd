/*
 * Models of a profile without its packages, for test scripts.
 *   models lock PROFILE CACHE [offline]   pin them; the lock beside the profile fits it and has nothing else in it
 *   models store PROFILE CACHE            what the store holds of them, as a tar on stdout
 */
#include "steps/models.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "lock/lock.h"
#include "oci/store.h"
#include <unistd.h>

static int make_lock(const struct appliance *a, struct cache *c, bool offline, const char *path, struct err *err)
{
	_cleanup_lock_ struct lock l = {.arch = a->arch, .suite = a->suite, .epoch = 1700000000};

	if (lock_pin_models(a, c, offline, &l, err) < 0)
		return -1;
	lock_request(a, l.request);
	return lock_write(path, &l, err);
}

static int write_store(struct cache *c, const char *path, struct err *err)
{
	_cleanup_lock_ struct lock l = {0};
	struct arena mem = {0};
	struct tar_fd_sink sink;
	struct tar_out t = {.sink = &sink.sink};
	struct store_spec spec = {0};

	tar_fd_sink_init(&sink, STDOUT_FILENO);
	if (lock_read(path, &l, err) < 0)
		return -1;
	spec.models = models_list(&l, c, &mem, &spec.n_models);
	struct store *s = store_plan(&spec, err);
	int r = s ? store_write(s, &t, l.epoch, err) : -1;
	if (r == 0)
		r = tar_end(&t, err);
	else
		models_drop_damaged(&l, c, err);
	tar_release(&t);
	store_free(s);
	arena_release(&mem);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_appliance_ struct appliance *a = NULL;
	_cleanup_cache_ struct cache *c = NULL;

	if (argc < 4) {
		fprintf(stderr, "usage: see the top of models.c\n");
		return 1;
	}
	_cleanup_free_ char *lock = lock_path(argv[2]);
	a = appliance_load(argv[2], &e);
	int r = a ? cache_open(argv[3], NULL, &c, &e) : -1;
	if (r == 0)
		r = str_eq(argv[1], "lock") ? make_lock(a, c, argc > 4, lock, &e) : write_store(c, lock, &e);
	if (r < 0)
		fprintf(stderr, "models: %s\n%s%s%s", e.msg, e.hint ? "hint: " : "", e.hint ? e.hint : "",
			e.hint ? "\n" : "");
	return r ? 1 : 0;
}
