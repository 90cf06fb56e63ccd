#include "steps/prune.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/vec.h"
#include "steps/entries.h"
#include "tree/namespace.h"
#include <errno.h>
#include <fts.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Of one entry; shared with the child that measures and removes. */
struct state {
	time_t used;
	uint64_t alone; /* bytes of what nothing else has a link to */
	size_t links;	/* where its links begin */
	size_t nth;	/* not of this entry: which one is at this place, the longest unused first */
	bool goes;
};
/* Files that several entries have links to. */
struct file {
	ino_t inode;
	uint64_t size;
	nlink_t here, links; /* entries' links to it; and all that there are, of other caches, too */
};
struct totals {
	uint64_t size, freed; /* of all; and of that what goes */
};
struct pruning {
	const struct cache *c;
	const struct prune_opts *opts;
	struct strvec entries;
	struct state *states;
	struct totals *totals;
	size_t mapped;
	/* Of the child alone. */
	VEC(size_t) links;	/* which file each is to; by entry */
	VEC(struct file) files; /* by inode */
};

static uint64_t on_disk(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512;
}

static void count(struct pruning *p, size_t i, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink == 1) {
		p->states[i].alone += on_disk(st);
		return;
	}
	vec_push(&p->links, p->files.n);
	vec_push(&p->files, (struct file){.inode = st->st_ino, .size = on_disk(st), .here = 1, .links = st->st_nlink});
}

static int measure(struct pruning *p, size_t i, struct err *err)
{
	_cleanup_free_ char *path = cache_path(p->c, p->entries.v[i]);
	FTS *walk = fts_open((char *const[]){path, NULL}, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	int failed = walk ? 0 : errno;

	p->states[i].links = p->links.n;
	for (FTSENT *e; walk && !failed && (errno = 0, e = fts_read(walk));) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			failed = e->fts_errno;
		else if (e->fts_info != FTS_DP)
			count(p, i, e->fts_statp);
		if (e->fts_level == 0)
			p->states[i].used = e->fts_statp->st_mtime;
	}
	failed = failed ? failed : errno;
	if (walk)
		fts_close(walk);
	return failed ? err_sys(err, failed, "measure %s", path) : 0;
}

static int by_inode(const void *a, const void *b, void *files)
{
	const struct file *f = files, *x = &f[*(const size_t *)a], *y = &f[*(const size_t *)b];

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* Until here each link has a file of its own: make one of those that are the same. */
static void join_files(struct pruning *p)
{
	size_t n = p->links.n;
	_cleanup_free_ size_t *order = xcalloc(n + 1, sizeof *order);
	VEC(struct file) files = {0};

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof *order, by_inode, p->files.v);
	for (size_t i = 0; i < n; i++) {
		const struct file *f = &p->files.v[order[i]];
		if (!files.n || files.v[files.n - 1].inode != f->inode)
			vec_push(&files, *f);
		else
			files.v[files.n - 1].here++;
		p->links.v[order[i]] = files.n - 1;
	}
	vec_release(&p->files);
	p->files.v = files.v;
	p->files.n = files.n;
}

/*
 * A build notes what it uses to the hour, and not all at once. Of that, what others have links to goes after them, and
 * last what wants a network.
 */
static time_t rank(const struct pruning *p, size_t i)
{
	const char *entry = p->entries.v[i];
	int place = str_starts(entry, "sha256/") ? 2 : str_starts(entry, "unpacked/") ? 1 : 0;

	return p->states[i].used + (time_t)place * 2 * CACHE_USE_NOTED_S;
}

/* In the order of entries where the times are the same. */
static int by_use(const void *a, const void *b, void *pruning)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	time_t x = rank(pruning, i), y = rank(pruning, j);

	return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

static void let_go(struct pruning *p, size_t i, uint64_t *left)
{
	struct state *s = &p->states[i];

	s->goes = true;
	*left -= s->alone;
	p->totals->freed += s->alone;
	size_t end = i + 1 < p->entries.n ? p->states[i + 1].links : p->links.n;
	for (size_t k = s->links; k < end; k++) {
		struct file *f = &p->files.v[p->links.v[k]];
		f->links--;
		if (--f->here > 0)
			continue;
		*left -= f->size;
		p->totals->freed += f->links ? 0 : f->size;
	}
}

static void decide(struct pruning *p)
{
	size_t n = p->entries.n;
	_cleanup_free_ size_t *order = xcalloc(n + 1, sizeof *order);
	uint64_t left = 0;

	for (size_t i = 0; i < n; i++) {
		order[i] = i;
		left += p->states[i].alone;
	}
	for (size_t i = 0; i < p->files.n; i++)
		left += p->files.v[i].size;
	qsort_r(order, n, sizeof *order, by_use, p);
	for (size_t i = 0; i < n; i++) {
		p->states[i].nth = order[i];
		if (p->states[order[i]].used < p->opts->before || left > p->opts->max_size)
			let_go(p, order[i], &left);
	}
	p->totals->size = left;
}

static int look(void *arg, struct err *err)
{
	struct pruning *p = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->entries.n; i++)
		r = measure(p, i, err);
	if (r == 0) {
		join_files(p);
		decide(p);
	}
	vec_release(&p->links);
	vec_release(&p->files);
	return r;
}

static void tell(const struct pruning *p, struct prune_result *ret)
{
	ret->freed = p->totals->freed;
	ret->size = p->totals->size;
	for (size_t i = 0; i < p->entries.n; i++) {
		size_t entry = p->states[i].nth;
		if (p->states[entry].goes)
			strvec_add(&ret->removed, p->entries.v[entry]);
	}
	ret->kept = p->entries.n - ret->removed.n;
}

static int prune(struct pruning *p, struct prune_result *ret, struct err *err)
{
	/* What wants a network comes last. */
	static const char *const parts[] = {"images", "models", "apt", "partial", "steps", "unpacked", "sha256"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (entries_of(p->c, parts[i], &p->entries, err) < 0)
			return -1;
	p->mapped = sizeof *p->totals + p->entries.n * sizeof *p->states;
	p->totals = mmap(NULL, p->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->totals == MAP_FAILED)
		return err_sys(err, errno, "memory to prune the cache");
	p->states = (struct state *)(p->totals + 1);

	_cleanup_free_ char *all = xasprintf("%zu entries", p->entries.n);
	struct progress_step *step = progress_begin("measure", all, 0, PROGRESS_COUNT);
	int r = ns_call(look, p, err);
	progress_end(step, r == 0);
	if (r < 0)
		return -1;
	tell(p, ret);
	if (p->opts->dry_run || !ret->removed.n)
		return 0;
	_cleanup_free_ char *some = xasprintf("%zu entries", ret->removed.n);
	step = progress_begin("remove", some, 0, PROGRESS_COUNT);
	r = entries_remove(p->c, &ret->removed, err);
	progress_end(step, r == 0);
	return r;
}

int prune_cache(const struct cache *c, const struct prune_opts *opts, struct prune_result *ret, struct err *err)
{
	struct pruning p = {.c = c, .opts = opts};

	*ret = (struct prune_result){0};
	int r = prune(&p, ret, err);
	if (p.totals && p.totals != MAP_FAILED)
		munmap(p.totals, p.mapped);
	strvec_release(&p.entries);
	return r;
}

void prune_release(struct prune_result *r)
{
	strvec_release(&r->removed);
}
