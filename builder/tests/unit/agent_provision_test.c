/* Provision steps: commands, order, records, retries, time-outs, masking. */
#include "provisionfix.h"
#include "target/agent/record.h"
#include <errno.h>
#include <sys/wait.h>

static void exec_once(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"role\",\"exec\":{\"in\":[\"db-1\"],\"user\":\"postgres\",\"command\":"
		"[\"sh\",\"-c\",\"cat > $OUT/in; echo $PW > $OUT/env; echo x >> $OUT/ran; echo $CONTAINER > "
		"$OUT/where\"]},"
		"\"env\":{\"PW\":\"${secret:db/pw}\"},\"stdin\":\"set '${secret:db/pw}'\"}]");
	assert_works(provision(f), f);
	_cleanup_free_ char *pw = fix_file(f, "state/secrets/db/pw"), *in = fix_file(f, "in"),
			    *env = fix_file(f, "env"), *log = fix_file(f, "podman.log"), *where = fix_file(f, "where");
	_cleanup_free_ char *want_in = xasprintf("set '%s'", pw), *want_env = xasprintf("%s\n", pw);
	assert_string_equal(in, want_in);
	assert_string_equal(env, want_env);
	assert_string_equal(where, "db-1\n");
	assert_non_null(strstr(log, "exec --env KILN_EXEC --env PW --user postgres --interactive db-1 sh -c "));
	assert_no_leak(f, pw);
	how(f, "role: done");
	assert_works(provision(f), f);
	how(f, "role: recorded");
	_cleanup_free_ char *ran = fix_file(f, "ran");
	assert_string_equal(ran, "x\n");
	assert_int_equal(fix_mode(f, "state/provision/db.json"), 0600);
}

/* A new secret changes the text of the step that uses it: that one runs again, and no other. */
static void runs_again_when_changed(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"a\",\"exec\":{\"in\":[\"db-1\"],\"command\":[\"sh\",\"-c\",\"echo a >> $OUT/ran\"]}},"
		"{\"name\":\"b\",\"exec\":{\"in\":[\"db-1\"],\"command\":[\"sh\",\"-c\",\"echo b >> $OUT/ran\"]},"
		"\"env\":{\"PW\":\"${secret:db/pw}\"}}]");
	assert_works(provision(f), f);
	_cleanup_free_ char *path = path_join(f->dir, "state/secrets/db/pw");
	assert_works(path_write(path, "another-secret", 14, 0600, &f->err), f);
	assert_works(provision(f), f);
	how(f, "a: recorded, b: done");
	times(f);
	_cleanup_free_ char *ran = fix_file(f, "ran");
	assert_string_equal(ran, "a\nb\nb\n");
}

static void unless_so(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"a\",\"exec\":{\"in\":\"db-1\",\"command\":[\"false\"]},\"unless\":{\"exec\":{\"in\":\"db-"
		"1\","
		"\"command\":[\"echo\",\"state: ready\"]},\"stdout\":\"^state: (ready|up)$\"}},"
		"{\"name\":\"b\",\"exec\":{\"in\":\"db-1\",\"command\":[\"true\"]},\"unless\":{\"exec\":{\"in\":\"db-"
		"1\","
		"\"command\":[\"echo\",\"state: down\"]},\"stdout\":\"ready\"}}]");
	assert_works(provision(f), f);
	how(f, "a: already so, b: done");
}

/* What a failing step says is shown, without the secrets in it, in whatever form. */
static void masked(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"fails\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"echo password $PW; echo "
		"url $B64; exit 3\"]},"
		"\"env\":{\"PW\":\"${secret:db/pw}\",\"B64\":\"${secret:db/"
		"pw|b64}\"},\"retry\":{\"every\":10,\"for\":1}}]");
	assert_fails(
		provision(f), f, "provision db: fails: sh in db-1 failed with exit status 3\npassword ***\nurl ***\n");
	_cleanup_json_ json_t *j = shown(f);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "failed");
	assert_string_equal(json_string_value(json_object_get(j, "answer")),
		"fails: sh in db-1 failed with exit status 3\npassword ***\nurl ***\n");
	_cleanup_free_ char *pw = fix_file(f, "state/secrets/db/pw");
	assert_no_leak(f, pw);
}

static void retried(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"a\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"echo x >> $OUT/n; test $(wc "
		"-l < $OUT/n) -ge 3\"]},"
		"\"retry\":{\"every\":20,\"for\":5000}}]");
	assert_works(provision(f), f);
	_cleanup_free_ char *n = fix_file(f, "n");
	assert_string_equal(n, "x\nx\nx\n");
}

/* What hangs is killed, with what it started inside: podman's own end would leave that running. */
static void timed_out(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"hangs\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"setsid sleep 100 & echo "
		"$! > $OUT/pid; wait\"]},"
		"\"timeout\":300,\"retry\":{\"every\":10,\"for\":1}}]");
	uint64_t begun = agent_ms();
	assert_fails(provision(f), f, "provision db: hangs: sh in db-1 did not end within 300 ms");
	assert_true(agent_ms() - begun < 5000);
	_cleanup_free_ char *pid = fix_file(f, "pid");
	for (int i = 0; i < 100 && kill(atoi(pid), 0) == 0; i++)
		usleep(20000);
	assert_int_equal(kill(atoi(pid), 0), -1);
}

/* Of several containers the first that is healthy; none: said so, with the reasons. */
static void first_healthy(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.21", "");
	static const char steps[] =
		"[{\"name\":\"a\",\"exec\":{\"in\":[\"db-1\",\"db-2\"],\"command\":"
		"[\"sh\",\"-c\",\"echo $CONTAINER > $OUT/where\"]},\"retry\":{\"every\":10,\"for\":1}}]";
	with_steps(f, s.port, steps);
	assert_works(provision(f), f);
	_cleanup_free_ char *where = fix_file(f, "where");
	assert_string_equal(where, "db-2\n");
	unsigned port = s.port;
	server_stop(&s);
	_cleanup_free_ char *record = path_join(f->dir, "state/provision/db.json");
	unlink(record);
	_cleanup_free_ char *want = xasprintf("provision db: a: not healthy: db-1 (127.0.0.20:%u: Connection refused), "
					      "db-2 (127.0.0.21:%u: Connection refused)",
		port, port);
	assert_fails(provision(f), f, want);
}

static void waits(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	_cleanup_free_ char *steps =
		xasprintf("[{\"name\":\"tcp\",\"wait\":{\"tcp\":{\"to\":\"db-1\",\"port\":%u}}},"
			  "{\"name\":\"http\",\"wait\":{\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/\"}}},"
			  "{\"name\":\"exec\",\"wait\":{\"exec\":{\"in\":\"db-1\",\"command\":[\"true\"]}}},"
			  "{\"name\":\"never\",\"wait\":{\"tcp\":{\"to\":\"db-2\",\"port\":%u}},"
			  "\"retry\":{\"every\":10,\"for\":50}}]",
			s.port, s.port, s.port);
	with_steps(f, 0, steps);
	_cleanup_free_ char *want = xasprintf("provision db: never: 127.0.0.21:%u: Connection refused", s.port);
	assert_fails(provision(f), f, want);
	how(f, "tcp: done, http: done, exec: done");
	server_stop(&s);
}

/* What is waited for holds now: after the next boot it is asked again, and what was done once is not. */
static void waits_every_time(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"make\",\"exec\":{\"in\":[\"db-1\"],\"command\":[\"true\"]}},"
		"{\"name\":\"serves\",\"wait\":{\"exec\":{\"in\":[\"db-1\"],\"command\":[\"sh\",\"-c\",\"echo x >> "
		"$OUT/ran\"]}}}]");
	assert_works(provision(f), f);
	how(f, "make: done, serves: done");
	assert_works(provision(f), f);
	how(f, "make: recorded, serves: done");
	_cleanup_free_ char *ran = fix_file(f, "ran");
	assert_string_equal(ran, "x\nx\n");
}

/* A volume belongs to its container: a link planted there leads nowhere. */
static void file_in_volume(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"f\",\"file\":{\"volumes\":[\"db-data\"],\"path\":\"sub/x\",\"text\":\"pw=${secret:db/"
		"pw}\",\"mode\":416,"
		"\"uid\":0,\"gid\":0},\"retry\":{\"every\":1,\"for\":1}}]");
	assert_fails(provision(f), f, "provision db: f: volume db-data: No such file or directory");
	_cleanup_free_ char *data = path_join(f->dir, "state/volumes/db-data/_data"),
			    *victim = path_join(f->dir, "victim"), *sub = path_join(data, "sub"),
			    *x = path_join(sub, "x");
	assert_works(path_mkdirs(sub, &f->err), f);
	assert_works(path_write(victim, "safe", 4, 0644, &f->err), f);
	assert_int_equal(symlink(victim, x), 0);
	if (geteuid() != 0)
		skip();
	assert_works(provision(f), f);
	_cleanup_free_ char *pw = fix_file(f, "state/secrets/db/pw"), *want = xasprintf("pw=%s", pw),
			    *got = fix_file(f, "state/volumes/db-data/_data/sub/x"), *safe = fix_file(f, "victim");
	assert_string_equal(got, want);
	assert_string_equal(safe, "safe");
	assert_int_equal(fix_mode(f, "state/volumes/db-data/_data/sub/x"), 0640);
}

static void wrong_steps(void **state)
{
	struct fix *f = *state;
	static const char *const cases[][2] = {
		{"[{\"name\":\"a\"}]", "provision db: a: neither exec nor http, tcp, wait or file"},
		{"[{\"name\":\"a\",\"exec\":{\"in\":\"moon\",\"command\":[\"x\"]}}]",
			"provision db: a: no container \"moon\""},
		{"[{\"name\":\"a\",\"exec\":{\"in\":\"db-1\",\"command\":[1]}}]",
			"provision db: a: exec: command is not a list of strings"},
		{"[{\"name\":\"a\",\"exec\":{\"in\":\"db-1\",\"command\":[\"${secret:x}\"]}}]",
			"provision db: a: exec: command: ${secret:x}: no such secret"},
		{"[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":0}}]",
			"provision db: a: http: port missing or out of range"},
		{"[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":80,\"scheme\":\"ftp\"}}]",
			"provision db: a: http: scheme \"ftp\" is neither http nor https"},
		{"[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":80,\"headers\":{\"A\":\"b\\r\\nC: d\"}}}]",
			"provision db: a: http: a line break in header A"},
		{"[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":80,\"sigv4\":{\"region\":\"r\"}}}]",
			"provision db: a: http: sigv4: access_key, secret_key, region and service are needed"},
		{"[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":80,\"login\":{\"user\":\"a:b\",\"password\":"
		 "\"c\"}}}]",
			"provision db: a: http: login: user, without a colon, and password are needed"},
		{"[{\"name\":\"a\",\"wait\":{\"file\":{}}}]", "provision db: a: neither exec nor http, tcp"},
		{"[{\"name\":\"a\",\"file\":{\"volumes\":[\"../x\"],\"path\":\"a\",\"text\":\"b\"}}]",
			"provision db: a: file: \"../x\" is no volume"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		with_steps(f, 0, cases[i][0]);
		assert_fails(provision(f), f, cases[i][1]);
	}
	char *argv[] = {(char *)"provision", (char *)"moon", NULL};
	assert_fails(cmd_provision(&f->a, 2, argv, &f->err), f, "provision ID: no provision \"moon\"");
}

static void record_survives(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0, "[]");
	struct record r;
	assert_works(record_open(&f->a, "db", &r, &f->err), f);
	assert_false(record_has(&r, "a", "h1"));
	assert_works(record_done(&r, "a", "h1", &f->err), f);
	record_close(&r);
	assert_works(record_open(&f->a, "db", &r, &f->err), f);
	assert_true(record_has(&r, "a", "h1"));
	assert_false(record_has(&r, "a", "h2"));
	record_close(&r);
	/* A broken record is an empty one: steps are safe to run again. */
	_cleanup_free_ char *path = path_join(f->dir, "state/provision/db.json");
	assert_int_equal(truncate(path, 7), 0);
	assert_works(record_open(&f->a, "db", &r, &f->err), f);
	assert_false(record_has(&r, "a", "h1"));
	record_close(&r);
	assert_fails(record_open(&f->a, "../x", &r, &f->err), f, "\"../x\" cannot be the name of a record");
	_cleanup_json_ json_t *steps = json_loads("[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"a\"}]", 0, NULL);
	_cleanup_free_ char *k0 = record_key(steps, 0), *k2 = record_key(steps, 2);
	assert_string_equal(k0, "a");
	assert_string_equal(k2, "a (2)");
}

/* Killed at any moment: the next run completes it, the record stays readable, no finished step runs twice in a row. */
static void killed(void **state)
{
	struct fix *f = *state;
	with_steps(f, 0,
		"[{\"name\":\"a\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"echo a >> $OUT/ran\"]}},"
		"{\"name\":\"b\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"sleep 0.02; echo b >> "
		"$OUT/ran\"]}},"
		"{\"name\":\"c\",\"exec\":{\"in\":\"db-1\",\"command\":[\"sh\",\"-c\",\"echo c >> $OUT/ran\"]}}]");
	for (unsigned delay = 0; delay < 60; delay += 3) {
		pid_t pid = fork();
		if (pid == 0) {
			provision(f);
			_exit(0);
		}
		usleep(delay * 1000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	assert_works(provision(f), f);
	_cleanup_json_ json_t *j = shown(f);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "done");
	_cleanup_free_ char *ran = fix_file(f, "ran");
	const char *last_a = strrchr(ran, 'a'), *first_c = strchr(ran, 'c');
	assert_non_null(first_c);
	assert_true(last_a < first_c);
	size_t before = strlen(ran);
	assert_works(provision(f), f);
	_cleanup_free_ char *same = fix_file(f, "ran");
	assert_int_equal(strlen(same), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(exec_once), TEST(runs_again_when_changed), TEST(unless_so),
		TEST(masked), TEST(retried), TEST(timed_out), TEST(first_healthy), TEST(waits), TEST(waits_every_time),
		TEST(file_in_volume), TEST(wrong_steps), TEST(record_survives), TEST(killed)};
	return provision_tests(tests, ARRAY_SIZE(tests));
}
