/* Lines from pipes, which come in pieces and end, and from files, which grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "vm/lines.h"
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void put(int fd, const char *s)
{
	assert_int_equal(fd_write_all(fd, s, strlen(s)), 0);
}

static void next(struct lines *l, const char *want)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *got = lines_next(l, 0, &err);

	assert_null(err.msg);
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
}

static void test_pieces(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	struct lines l = {.fd = p[0]};
	next(&l, NULL);
	put(p[1], "one\ntw");
	next(&l, "one");
	next(&l, NULL);
	put(p[1], "o\r\n\nfour\nrest");
	next(&l, "two");
	next(&l, "");
	next(&l, "four");
	next(&l, NULL);
	assert_false(l.eof);
	close(p[1]);
	next(&l, NULL); /* what has no end was cut off: not a line */
	assert_true(l.eof);
	next(&l, NULL);
	lines_release(&l);
	assert_int_equal(l.fd, -1);
	next(&l, NULL);
}

static void *write_late(void *arg)
{
	int fd = *(int *)arg;

	for (const char *s = "late\n"; *s; s++) {
		usleep(10000);
		(void)!write(fd, s, 1);
	}
	return NULL;
}

static void test_wait(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	pthread_t t;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	struct lines l = {.fd = p[0]};
	uint64_t begun = vm_ms();
	assert_null(lines_next(&l, 50, &err));
	assert_true(vm_ms() - begun >= 50);
	assert_int_equal(pthread_create(&t, NULL, write_late, &p[1]), 0);
	assert_string_equal(lines_next(&l, 20000, &err), "late");
	pthread_join(t, NULL);
	close(p[1]);
	begun = vm_ms();
	assert_null(lines_next(&l, 20000, &err)); /* the end is not waited out */
	assert_true(vm_ms() - begun < 10000);
	lines_release(&l);
}

static void test_file(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char name[] = "/tmp/kiln-lines-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC | O_APPEND);

	(void)state;
	assert_true(fd >= 0);
	struct lines l = {.fd = open(name, O_RDONLY | O_CLOEXEC)};
	unlink(name);
	next(&l, NULL);
	put(fd, "boot");
	next(&l, NULL);
	put(fd, "ing\nmore\n");
	next(&l, "booting");
	next(&l, "more");
	uint64_t begun = vm_ms();
	assert_null(lines_next(&l, 20000, &err)); /* files never wait */
	assert_true(vm_ms() - begun < 10000);
	assert_false(l.eof);
	put(fd, "again\n");
	next(&l, "again");
	lines_release(&l);
	close(fd);
}

static void test_endless_line(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	int fd = memfd_create("endless", MFD_CLOEXEC);
	char chunk[65536];

	(void)state;
	memset(chunk, 'x', sizeof chunk);
	for (int i = 0; i < 300; i++)
		assert_int_equal(fd_write_all(fd, chunk, sizeof chunk), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	struct lines l = {.fd = fd};
	assert_null(lines_next(&l, 0, &err));
	assert_string_equal(err.msg, "the machine sent a line of more than 16.0 MiB");
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_true(l.eof);
	assert_int_equal(l.buf.len, 0);
	next(&l, NULL);
	lines_release(&l);
}

static void test_connect(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char path[200];

	(void)state;
	assert_int_equal(lines_connect("/nonexistent/socket", 30, &err), -1);
	assert_string_equal(err.msg, "connect to /nonexistent/socket: No such file or directory");
	memset(path, 'x', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = 0;
	assert_int_equal(lines_connect(path, 30, &err), -1);
	assert_non_null(strstr(err.msg, "the path is longer than the 107 bytes a socket may have"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_wait),
		cmocka_unit_test(test_file), cmocka_unit_test(test_endless_line), cmocka_unit_test(test_connect)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
