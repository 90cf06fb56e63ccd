/* The step graph: what is there is not made again, also when two kilns want it at the same time. */
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "steps/graph.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

static char *cache;

/* Leave a mark for each run, and take so long that another kiln comes in between. */
static int make_slowly(const struct step *s, const char *dir, struct err *err)
{
	_cleanup_free_ char *count = path_join(cache, "count"), *out = path_join(dir, "out");
	_cleanup_fd_ int fd = open(count, O_WRONLY | O_CREAT | O_APPEND, 0600);

	(void)s;
	if (fd < 0 || write(fd, "x", 1) != 1)
		return err_set(err, ERR_IO, "count");
	usleep(300000);
	return path_write(out, "made", 4, 0644, err);
}

static int run_once(struct err *err)
{
	struct graph g = {.cache = cache, .jobs = 1};
	struct step *s = graph_add(&g, "slow", "takes its time");
	struct step *goals[] = {s, NULL};

	memset(s->key, 'a', sizeof s->key - 1);
	s->make = make_slowly;
	int r = graph_run(&g, goals, err);
	graph_release(&g);
	return r;
}

static size_t runs(void)
{
	_cleanup_free_ char *count = path_join(cache, "count");
	_cleanup_err_ struct err err = ERR_INIT;
	size_t n = 0;

	free(path_read(count, 100, &n, &err));
	return n;
}

static int setup(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	cache = path_tempdir(tmp ? tmp : "/tmp", "kiln-graph.", &err);
	_cleanup_free_ char *steps = path_join(cache, "steps"), *scratch = path_join(cache, "tmp");
	return path_mkdirs(steps, &err) < 0 || path_mkdirs(scratch, &err) < 0;
}

static int teardown(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	int r = path_remove(cache, &err);
	free(cache);
	return r;
}

static void made_once(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_once(&err), 0);
	assert_int_equal(run_once(&err), 0);
	assert_int_equal(runs(), 1);
}

static void two_at_once(void **state)
{
	pid_t pids[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct err err = ERR_INIT;
			_exit(run_once(&err) == 0 ? 0 : 1);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(runs(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(two_at_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
