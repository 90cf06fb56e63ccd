#include "steps/verify.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/progress.h"
#include "steps/entries.h"
#include "tree/namespace.h"
#include "tree/sum.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* One part of the cache: its entries and what was found of each. */
struct part {
	const struct cache *c;
	const char *name; /* "sha256" */
	pool_fn check;
	unsigned threads;
	struct strvec entries;
	unsigned char *found; /* enum sum_state by entry; shared with the child that looks */
	size_t size;	      /* of that memory */
};

static int list(struct part *p, struct err *err)
{
	if (entries_of(p->c, p->name, &p->entries, err) < 0)
		return -1;
	p->size = p->entries.n + 1;
	p->found = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p->found == MAP_FAILED ? err_sys(err, errno, "memory to verify %s", p->name) : 0;
}

static int check_download(size_t i, void *arg, struct err *err)
{
	struct part *p = arg;
	_cleanup_free_ char *path = cache_path(p->c, p->entries.v[i]);
	_cleanup_err_ struct err e = ERR_INIT;
	char hex[HASH_HEX];

	if (hash_file(path, hex, &e) == 0)
		p->found[i] = strcmp(hex, path_base(path)) == 0 ? SUM_HOLDS : SUM_DAMAGED;
	else if (e.sys == EIO || e.sys == EISDIR) /* the medium; or no file at all */
		p->found[i] = SUM_DAMAGED;
	else
		return err_move(err, &e), -1;
	return 0;
}

static int check_directory(size_t i, void *arg, struct err *err)
{
	struct part *p = arg;
	_cleanup_free_ char *path = cache_path(p->c, p->entries.v[i]);
	enum sum_state state;

	if (sum_check(path, &state, err) < 0)
		return -1;
	p->found[i] = (unsigned char)state;
	return 0;
}

static int look(void *arg, struct err *err)
{
	struct part *p = arg;

	return pool_map(p->entries.n, p->threads, p->check, p, err);
}

static void note_found(const struct part *p, struct verify_result *ret)
{
	for (size_t i = 0; i < p->entries.n; i++) {
		ret->unrecorded += p->found[i] == SUM_NONE;
		if (p->found[i] == SUM_DAMAGED)
			strvec_add(&ret->damaged, p->entries.v[i]);
	}
}

static int verify_part(const struct cache *c, const char *name, pool_fn check, unsigned threads, size_t *ret_n,
	struct verify_result *ret, struct err *err)
{
	struct part p = {.c = c, .name = name, .check = check, .threads = threads};
	int r = list(&p, err);

	if (r == 0) {
		_cleanup_free_ char *what = xasprintf("%zu of %s", p.entries.n, name);
		struct progress_step *step = progress_begin("verify", what, 0, PROGRESS_COUNT);
		r = ns_call(look, &p, err);
		progress_end(step, r == 0);
	}
	if (r == 0)
		note_found(&p, ret);
	*ret_n = p.entries.n;
	if (p.found && p.found != MAP_FAILED)
		munmap(p.found, p.size);
	strvec_release(&p.entries);
	return r;
}

int verify_cache(const struct cache *c, unsigned threads, struct verify_result *ret, struct err *err)
{
	*ret = (struct verify_result){0};
	if (verify_part(c, "sha256", check_download, threads, &ret->downloads, ret, err) < 0 ||
		verify_part(c, "steps", check_directory, threads, &ret->steps, ret, err) < 0 ||
		verify_part(c, "unpacked", check_directory, threads, &ret->unpacked, ret, err) < 0)
		return -1;
	return entries_remove(c, &ret->damaged, err);
}

void verify_release(struct verify_result *r)
{
	strvec_release(&r->damaged);
}
