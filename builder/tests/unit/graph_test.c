/* The step graph: keys, what runs and what does not, failures, side by side; and the record of the images made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "steps/graph.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

static int made[8], fail_at = -1;
static unsigned running, most;
static bool meet; /* b and c wait for each other, as long as a loaded machine may need */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In place of libc's: what is synced, and when. The directory it is called for must be whole and not have its name. */
static unsigned synced;
static int sync_errno;
int syncfs(int fd)
{
	_cleanup_free_ char *link = xasprintf("/proc/self/fd/%d", fd);
	char path[4096];
	ssize_t n = readlink(link, path, sizeof path - 1);

	assert_true(n > 0);
	path[n] = 0;
	_cleanup_free_ char *out = path_join(path, "out"), *place = xasprintf("cache/steps/%s", path_base(path));
	assert_non_null(strstr(path, "/cache/tmp/"));
	assert_true(path_exists(out));
	assert_false(path_exists(place));
	__atomic_add_fetch(&synced, 1, __ATOMIC_SEQ_CST);
	errno = sync_errno;
	return sync_errno ? -1 : 0;
}

static int make(const struct step *s, const char *dir, struct err *err)
{
	size_t i = (size_t)(s->name[0] - 'a');

	pthread_mutex_lock(&lock);
	made[i]++;
	running++;
	most = running > most ? running : most;
	pthread_mutex_unlock(&lock);
	for (unsigned n = 0; meet && strchr("bc", s->name[0]) && n < 1000; n++) {
		pthread_mutex_lock(&lock);
		bool met = most > 1;
		pthread_mutex_unlock(&lock);
		if (met)
			break;
		usleep(20000);
	}
	usleep(1000);
	for (size_t k = 0; k < s->deps.n; k++) /* what it reads is there, and whole */
		assert_true(path_is_dir(s->deps.v[k]->dir));
	_cleanup_free_ char *file = path_join(dir, "out");
	int r = path_write(file, s->name, 1, 0644, err);
	pthread_mutex_lock(&lock);
	running--;
	pthread_mutex_unlock(&lock);
	return r < 0 ? -1 : (int)i == fail_at ? err_set(err, ERR_TOOL, "it went wrong") : 0;
}

/* a <- b <- d, a <- c <- d, e alone; `input` goes into b's key. */
static void build(struct graph *g, struct step *steps[5], const char *input)
{
	static const int deps[5][2] = {{-1, -1}, {0, -1}, {0, -1}, {1, 2}, {-1, -1}};

	memset(made, 0, sizeof made);
	most = running = 0;
	*g = (struct graph){.cache = "cache", .jobs = 3};
	for (size_t i = 0; i < 5; i++) {
		steps[i] = graph_add(g, (const char[]){(char)('a' + i), 0}, "a step");
		struct hash *h = hash_new();
		for (size_t k = 0; k < 2; k++)
			step_needs(steps[i], h, deps[i][k] < 0 ? NULL : steps[deps[i][k]]);
		hash_field(h, i == 1 ? input : "");
		hash_end(h, steps[i]->key);
		steps[i]->make = make;
	}
}

static void check_made(const char *want)
{
	char got[6] = "";

	for (size_t i = 0; i < 5; i++)
		got[i] = (char)('0' + made[i]);
	assert_string_equal(got, want);
}

static struct casefile_dir enter(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct casefile_dir d = casefile_enter();

	fail_at = -1;
	synced = 0;
	sync_errno = 0;
	assert_int_equal(path_mkdirs("cache/steps", &err), 0);
	assert_int_equal(path_mkdirs("cache/tmp", &err), 0);
	return d;
}

static int run(struct graph *g, struct step *goal, struct err *err)
{
	return graph_run(g, (struct step *const[]){goal, NULL}, err);
}

static void test_needed(void **state)
{
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct graph g;
	struct step *s[5];

	(void)state;
	build(&g, s, "1");
	meet = true;
	assert_int_equal(run(&g, s[3], &err), 0);
	meet = false;
	check_made("11110");	   /* e is nobody's need */
	assert_int_equal(most, 2); /* b and c side by side */
	_cleanup_free_ char *out = step_path(s[3], "out");
	assert_true(path_exists(out));
	assert_int_equal(strncmp(s[3]->dir, "cache/steps/d-", 14), 0);
	graph_release(&g);

	build(&g, s, "1");
	assert_int_equal(run(&g, s[3], &err), 0);
	check_made("00000");
	graph_release(&g);

	build(&g, s, "2"); /* another input of b: b and d, not a and c */
	assert_int_equal(run(&g, s[3], &err), 0);
	check_made("01010");
	graph_release(&g);

	build(&g, s, "2"); /* what only a step that is there reads is not made again */
	assert_int_equal(path_remove("cache/steps", &err), 0);
	assert_int_equal(path_mkdirs("cache/steps", &err), 0);
	graph_place(&g);
	assert_int_equal(path_mkdirs(s[3]->dir, &err), 0);
	graph_release(&g);
	build(&g, s, "2");
	assert_int_equal(run(&g, s[3], &err), 0);
	check_made("00000");
	assert_int_equal(graph_run(&g, (struct step *const[]){s[1], s[4], NULL}, &err), 0);
	check_made("11001");
	graph_release(&g);
	casefile_leave(&d);
}

static void test_keys(void **state)
{
	struct graph g, h;
	struct step *s[5], *t[5];

	(void)state;
	build(&g, s, "1");
	build(&h, t, "2");
	assert_string_equal(s[0]->key, t[0]->key);
	assert_string_not_equal(s[1]->key, t[1]->key);
	assert_string_equal(s[2]->key, t[2]->key);
	assert_string_not_equal(s[3]->key, t[3]->key); /* through what it reads */
	graph_release(&g);
	graph_release(&h);
}

static size_t entries(const char *dir)
{
	struct stat st;

	assert_int_equal(stat(dir, &st), 0);
	return st.st_nlink - 2; /* directories in it */
}

static void test_failure(void **state)
{
	struct casefile_dir d = enter();
	struct graph g;
	struct step *s[5];

	(void)state;
	build(&g, s, "1");
	fail_at = 1;
	struct err err = ERR_INIT;
	assert_int_equal(run(&g, s[3], &err), -1);
	assert_string_equal(err.msg, "b: it went wrong");
	assert_int_equal(err.kind, ERR_TOOL);
	err_release(&err);
	assert_int_equal(made[3], 0);
	assert_false(path_exists(s[1]->dir));
	assert_int_equal(entries("cache/tmp"), 0);
	assert_true(path_is_dir(s[0]->dir)); /* what was done stays done */
	graph_release(&g);

	/* Left by a kiln that was killed: in the way of nothing, and not taken for an output. */
	fail_at = -1;
	build(&g, s, "1");
	_cleanup_free_ char *rest = xasprintf("cache/tmp/b-%.32s/half", s[1]->key);
	assert_int_equal(path_mkdirs(rest, &err), 0);
	assert_int_equal(run(&g, s[3], &err), 0);
	_cleanup_free_ char *half = step_path(s[1], "half");
	assert_false(path_exists(half));
	assert_int_equal(made[0], 0);
	assert_int_equal(made[1], 1);
	assert_int_equal(entries("cache/tmp"), 0);
	graph_release(&g);
	casefile_leave(&d);
}

/* A step gets its name when it is on the disk, and not when the disk refuses. */
static void test_sync(void **state)
{
	struct casefile_dir d = enter();
	struct graph g;
	struct step *s[5];

	(void)state;
	build(&g, s, "1");
	sync_errno = EIO;
	struct err err = ERR_INIT;
	assert_int_equal(run(&g, s[4], &err), -1);
	_cleanup_free_ char *want = xasprintf("e: sync cache/tmp/e-%.32s: Input/output error", s[4]->key);
	assert_string_equal(err.msg, want);
	err_release(&err);
	assert_false(path_exists(s[4]->dir));
	assert_int_equal(entries("cache/tmp"), 0);
	assert_int_equal(synced, 1);
	graph_release(&g);

	sync_errno = 0;
	for (unsigned again = 0; again < 2; again++) { /* nothing to do, nothing to sync */
		build(&g, s, "1");
		assert_int_equal(run(&g, s[3], &err), 0);
		assert_int_equal(synced, 5);
		graph_release(&g);
	}
	casefile_leave(&d);
}

static void test_one_job(void **state)
{
	struct casefile_dir d = enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct graph g;
	struct step *s[5];

	(void)state;
	build(&g, s, "1");
	g.jobs = 1;
	assert_int_equal(graph_run(&g, (struct step *const[]){s[3], s[4], NULL}, &err), 0);
	check_made("11111");
	assert_int_equal(most, 1);
	graph_release(&g);
	casefile_leave(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_needed), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_failure), cmocka_unit_test(test_sync), cmocka_unit_test(test_one_job)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
