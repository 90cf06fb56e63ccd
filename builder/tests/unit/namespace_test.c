/* User namespaces: layers, isolation, results and errors that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "scratch.h"
#include "tree/idmap.h"
#include "tree/namespace.h"
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void put(const char *rel, const char *text)
{
	struct err e = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, rel);
	_cleanup_free_ char *parent = path_dir(path);

	assert_int_equal(path_mkdirs(parent, &e), 0);
	assert_int_equal(path_write(path, text, strlen(text), 0644, &e), 0);
}

static int own_everything(void *arg, struct err *err)
{
	_cleanup_free_ char *path = path_join(arg, "owned");
	struct stat st;

	if (getpid() != 1)
		return err_set(err, ERR_TEST, "not process 1");
	if (mkdir(path, 0755) < 0 || chown(path, 65535, 12345) < 0 || stat(path, &st) < 0)
		return err_sys(err, errno, "own %s", path);
	if (st.st_uid != 65535 || st.st_gid != 12345)
		return err_set(err, ERR_TEST, "owner %u", st.st_uid);
	return 7;
}

static void call_runs_as_root_over_all_ids(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ns_check(&e), 0);
	int r = ns_call(own_everything, dir, &e);
	if (r != 7)
		fail_msg("%d: %s", r, e.msg ? e.msg : "");
}

static int complain(void *arg, struct err *err)
{
	err_sys(err, ENOSPC, "write %s", (char *)arg);
	return err_hint(err, "make room");
}

static void errors_come_back_whole(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ns_call(complain, "file", &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(e.sys, ENOSPC);
	assert_string_equal(e.msg, "write file: No space left on device");
	assert_string_equal(e.hint, "make room");
}

static int die(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	_exit(3);
}

static void a_silent_end_is_an_error(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ns_call(die, NULL, &e), -1);
	assert_string_equal(e.msg, "work in a namespace ended without a result (status 3)");
}

static int look(void *arg, struct err *err)
{
	size_t len = 0;

	(void)arg;
	_cleanup_free_ char *a = path_read("/file", 100, &len, err);
	_cleanup_free_ char *b = a ? path_read("/only-below", 100, &len, err) : NULL;
	if (!b || path_write("/new", "n", 1, 0644, err) < 0)
		return -1;
	if (strcmp(a, "near") != 0 || strcmp(b, "below") != 0)
		return err_set(err, ERR_TEST, "found %s and %s", a, b);
	if (unlink("/only-below") < 0 || getenv("KILN_TEST_SECRET") || access("/etc/passwd", F_OK) == 0)
		return err_set(err, ERR_TEST, "the host shows");
	return 0;
}

static void layers_and_isolation(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *near = path_join(dir, "near:,layer"), *far = path_join(dir, "far");
	_cleanup_free_ char *upper = path_join(dir, "upper"), *work = path_join(dir, "work");

	(void)state;
	put("near:,layer/file", "near");
	put("far/file", "far");
	put("far/only-below", "below");
	assert_int_equal(mkdir(upper, 0755) | mkdir(work, 0755), 0);
	setenv("KILN_TEST_SECRET", "x", 1);
	struct ns_opts o = {.root = {(const char *[]){near, far, NULL}, upper, work}, .dev = true, .no_sync = true};
	if (ns_call_in(&o, look, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	_cleanup_free_ char *n = path_join(upper, "new"), *old = path_join(far, "only-below");
	assert_true(path_exists(n));
	assert_true(path_exists(old)); /* a whiteout hides it in the upper layer; the lower one is as it was */
	unsetenv("KILN_TEST_SECRET");

	DIR *d = opendir(upper); /* nothing of /dev, /proc or the mount points is left */
	for (struct dirent *de = readdir(d); de; de = readdir(d))
		if (de->d_name[0] != '.' && strcmp(de->d_name, "new") != 0 && strcmp(de->d_name, "only-below") != 0)
			fail_msg("left in the upper layer: %s", de->d_name);
	closedir(d);
}

/* Enough of a system to run programs: the host's /usr. */
static struct ns_opts host_view(void)
{
	static char *layer;
	static const char *root[2];
	static const struct ns_bind usr[] = {{"/usr", "/usr", true}, {NULL, NULL, false}};

	if (!layer) {
		static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
		put("host/etc/empty", "");
		layer = path_join(dir, "host");
		for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
			_cleanup_free_ char *at = path_join(layer, links[i]), *to = path_join("usr", links[i]);
			assert_int_equal(symlink(to, at), 0);
		}
		root[0] = layer;
	}
	return (struct ns_opts){.root = {.lowers = root}, .binds = usr, .dev = true};
}

static void programs_are_alone(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct ns_opts o = host_view();

	(void)state;
	o.epoch = 1700000000;
	o.proc.capture = &out;
	/* Host name, network interfaces, visible processes, environment, an empty /sys, a read-only root. */
	const char *const argv[] = {"sh", "-c",
		"uname -n; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; ls /proc | grep -c '^[0-9]'; env | grep "
		"-v ^PWD= | sort; "
		"ls /sys | wc -l; touch /x 2>/dev/null || echo read-only; id -u; echo t > /tmp/t && cat /tmp/t",
		NULL};
	if (ns_run(&o, argv, &e) != 0)
		fail_msg("%s", e.msg);
	const char *procs = strchr(strchr(out.s, '\n') + 1, '\n') + 1;
	assert_true(strtoul(procs, NULL, 10) < 8);
	_cleanup_free_ char *text =
		xasprintf("%.*s%s", (int)(procs - out.s), out.s, strchr(procs, '\n') ? strchr(procs, '\n') + 1 : "");
	assert_string_equal(text,
		"localhost\nlo\nHOME=/root\nLC_ALL=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/"
		"bin:/sbin:/bin\nSOURCE_DATE_EPOCH=1700000000\n0\nread-only\n0\nt\n");
}

static void a_failing_program(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct ns_opts o = host_view();

	(void)state;
	assert_int_equal(ns_run(&o, (const char *const[]){"sh", "-c", "echo why >&2; exit 9", NULL}, &e), -1);
	assert_int_equal(e.kind, ERR_TOOL);
	assert_string_equal(e.msg, "sh failed with exit status 9:\n    why");
	o.proc.ok_status = 9;
	assert_int_equal(ns_run(&o, (const char *const[]){"sh", "-c", "exit 9", NULL}, &e), 9);
}

static void binds(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *in = path_join(dir, "in"), *outdir = path_join(dir, "out");
	struct ns_opts o = host_view();

	(void)state;
	put("in/word", "hello");
	assert_int_equal(mkdir(outdir, 0755), 0);
	const struct ns_bind b[] = {
		{"/usr", "/usr", true}, {in, "/kiln/in", true}, {outdir, "/kiln/out", false}, {NULL, NULL, false}};
	o.binds = b;
	o.proc.capture = &out;
	const char *const argv[] = {
		"sh", "-c", "cp /kiln/in/word /kiln/out/copy; touch /kiln/in/x 2>/dev/null || echo refused", NULL};
	if (ns_run(&o, argv, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(out.s, "refused\n");
	_cleanup_free_ char *copy = path_join(outdir, "copy");
	_cleanup_free_ char *text = path_read(copy, 100, NULL, &e);
	assert_string_equal(text, "hello");
}

static void nothing_outlives(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *beat = path_join(dir, "beat");
	struct ns_opts o = host_view();
	struct stat a, b;

	(void)state;
	assert_int_equal(mkdir(beat, 0755), 0);
	const struct ns_bind bind[] = {{"/usr", "/usr", true}, {beat, "/kiln/beat", false}, {NULL, NULL, false}};
	o.binds = bind;
	const char *const argv[] = {"sh", "-c",
		"setsid sh -c 'while :; do echo x >> /kiln/beat/log; sleep 0.01; done' >/dev/null 2>&1 & sleep 0.2",
		NULL};
	if (ns_run(&o, argv, &e) != 0)
		fail_msg("%s", e.msg);
	_cleanup_free_ char *log = path_join(beat, "log");
	assert_int_equal(stat(log, &a), 0);
	usleep(100000);
	assert_int_equal(stat(log, &b), 0);
	assert_int_equal(a.st_size, b.st_size);
}

static void time_limits_hold(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct ns_opts o = host_view();

	(void)state;
	o.proc.timeout_ms = 200;
	assert_int_equal(ns_run(&o, (const char *const[]){"sleep", "60", NULL}, &e), -1);
	assert_string_equal(e.msg, "sleep did not end within 0.2 s and was stopped");
}

static int for_a_while(void *arg, struct err *err)
{
	(void)arg, (void)err;
	usleep(1500 * 1000);
	return 0;
}

static void *in_namespaces(void *stop)
{
	struct err e = ERR_INIT;
	while (!atomic_load((atomic_bool *)stop) && ns_call(for_a_while, NULL, &e) == 0)
		;
	err_release(&e);
	return NULL;
}

/* What is forked into a namespace beside them holds no pipe of theirs: programs that are run end when they end. */
static void programs_beside_namespaces(void **state)
{
	enum { THREADS = 4, RUNS = 300, MOST_MS = 1000 };
	static const char *const argv[] = {"true", NULL};
	struct err e = ERR_INIT;
	pthread_t thread[THREADS];
	atomic_bool stop = false;
	long most = 0;
	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, in_namespaces, &stop), 0);
	for (int i = 0; i < RUNS; i++) {
		struct timespec begun, ended;
		clock_gettime(CLOCK_MONOTONIC, &begun);
		assert_int_equal(proc_run(argv, NULL, &e), 0);
		clock_gettime(CLOCK_MONOTONIC, &ended);
		long ms = (ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
		most = ms > most ? ms : most;
		usleep(10000);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	if (most > MOST_MS)
		fail_msg("true took %ld ms", most);
}

static void kilns_descriptors_stay_hidden(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct ns_opts o = host_view();

	(void)state;
	/* Process 1 runs kiln's code: root inside must not get at its descriptors or its memory. */
	const char *const argv[] = {"sh", "-c",
		"for f in /proc/1/fd/*; do ! readlink $f || exit 1; done; ! head -c1 /proc/1/mem 2>/dev/null && ! ls "
		"/proc/1/root/",
		NULL};
	if (ns_run(&o, argv, &e) != 0)
		fail_msg("%s", e.msg);
}

static void the_hosts_kernel_is_out_of_reach(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct ns_opts o = host_view();

	(void)state;
	o.proc.capture = &out;
	const char *const argv[] = {"sh", "-c",
		"cat /proc/sys/kernel/core_pattern >/tmp/was; { cat /tmp/was >/proc/sys/kernel/core_pattern; } "
		"2>/dev/null || echo read-only; "
		"umount /proc/sys 2>/dev/null || echo stays; { echo h >/proc/sysrq-trigger; } 2>/dev/null || echo no; "
		"mknod /tmp/sda b 8 0 2>/dev/null || echo refused; mount -t tmpfs x /tmp 2>/dev/null || echo none",
		NULL};
	if (ns_run(&o, argv, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(out.s, "read-only\nstays\nno\nrefused\nnone\n");
}

static void a_missing_layer(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct ns_opts o = {.root = {.lowers = (const char *[]){"/nonexistent/layer", NULL}}};

	(void)state;
	assert_int_equal(ns_run(&o, (const char *const[]){"true", NULL}, &e), -1);
	assert_string_equal(e.msg, "open tree /nonexistent/layer: No such file or directory");
}

static void subordinate_ids(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	uint64_t start = 0;
	_cleanup_free_ char *file = path_join(dir, "subuid");

	(void)state;
	put("subuid",
		"root:100000:65536\nbroken\nkim:x:65536\n#c\nlee:165536:10\nlee:300000:65536\n1234:400000:65535\n");
	assert_int_equal(idmap_subids(file, "lee", 1000, 65535, &start, &e), 0);
	assert_int_equal(start, 300000);
	assert_int_equal(idmap_subids(file, "nobody-of-that-name", 1234, 65535, &start, &e), 0);
	assert_int_equal(start, 400000);
	assert_int_equal(idmap_subids(file, "kim", 1001, 65535, &start, &e), -1);
	_cleanup_free_ char *msg = xasprintf("user kim has no range of 65535 subordinate ids in %s", file);
	assert_string_equal(e.msg, msg);
	assert_string_equal(e.hint, "as root: usermod --add-subuids 465535-531070 --add-subgids 465535-531070 kim");
	assert_int_equal(idmap_subids("/nonexistent", "kim", 1001, 65535, &start, &e), -1);
	assert_string_equal(e.hint, "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 kim");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_runs_as_root_over_all_ids),
		cmocka_unit_test(errors_come_back_whole),
		cmocka_unit_test(a_silent_end_is_an_error),
		cmocka_unit_test(layers_and_isolation),
		cmocka_unit_test(programs_are_alone),
		cmocka_unit_test(a_failing_program),
		cmocka_unit_test(binds),
		cmocka_unit_test(nothing_outlives),
		cmocka_unit_test(time_limits_hold),
		cmocka_unit_test(programs_beside_namespaces),
		cmocka_unit_test(kilns_descriptors_stay_hidden),
		cmocka_unit_test(the_hosts_kernel_is_out_of_reach),
		cmocka_unit_test(a_missing_layer),
		cmocka_unit_test(subordinate_ids),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
