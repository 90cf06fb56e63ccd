/*
 * Provision steps: order, records, retries, time-outs, masking. A script named podman runs the commands right here
 * (real containers are in the booted appliance); HTTP goes to a real server on 127/8.
 */
#include "agentfix.h"
#include "base/proc.h"
#include "target/agent/ca.h"
#include "target/agent/patience.h"
#include "target/agent/record.h"
#include "target/agent/render.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* "podman exec OPTIONS CONTAINER COMMAND...": notes its arguments, then runs the command. */
static const char podman[] =
	"#!/bin/bash\n"
	"printf '%s\\n' \"$*\" >>\"$KILN_TEST_LOG\"\n"
	"shift\n"
	"while :; do case $1 in --env|--user) shift 2;; --interactive) shift;; *) break;; esac; done\n"
	"export CONTAINER=$1\n"
	"shift\n"
	"exec \"$@\"\n";

/* A server that answers every request with `status` and `body`, and keeps what it was asked. */
struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	const char *answer;
	struct strbuf asked;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int c;
	while ((c = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		char buf[8192];
		size_t n = 0, want = 0;
		ssize_t r;
		while ((r = read(c, buf + n, sizeof buf - 1 - n)) > 0) {
			n += (size_t)r;
			buf[n] = 0;
			const char *end = strstr(buf, "\r\n\r\n"), *len = strcasestr(buf, "content-length:");
			want = end ? (size_t)(end + 4 - buf) + (len ? strtoul(len + 15, NULL, 10) : 0) : 0;
			if (want && n >= want)
				break;
		}
		strbuf_add(&s->asked, buf, n);
		strbuf_adds(&s->asked, "\n--\n");
		if (n)
			(void)fd_write_all(c, s->answer, strlen(s->answer));
		close(c);
	}
	return NULL;
}

static void server_start(struct server *s, const char *address, const char *answer)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;
	*s = (struct server){.answer = answer, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	inet_pton(AF_INET, address, &at.sin_addr);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	getsockname(s->fd, (struct sockaddr *)&at, &len);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	close(s->fd);
	pthread_join(s->thread, NULL);
	strbuf_release(&s->asked);
}

/* Two instances of one service at 127.0.0.20 and .21, a secret, and the given steps. `port`: of their TCP health; 0:
 * none. */
static void with_steps(struct fix *f, unsigned port, const char *steps)
{
	_cleanup_free_ char *health = port ? xasprintf("{\"kind\":\"tcp\",\"port\":%u,\"timeout\":500}", port)
					   : xstrdup("{\"kind\":\"none\"}");
	_cleanup_free_ char *text =
		xasprintf("{\"kiln\":1,\"name\":\"t\",\"epoch\":1763900000,\"network\":{\"name\":\"kiln\",\"bridge\":"
			  "\"kiln0\",\"subnet\":"
			  "\"127.0.0.0/24\"},"
			  "\"containers\":[{\"name\":\"db-1\",\"service\":\"db\",\"unit\":\"a.service\",\"address\":20,"
			  "\"health\":%s},"
			  "{\"name\":\"db-2\",\"service\":\"db\",\"unit\":\"b.service\",\"address\":21,\"health\":%s}],"
			  "\"secrets\":[{\"id\":\"db/pw\",\"bytes\":24,\"encoding\":\"hex\"}],"
			  "\"provision\":[{\"id\":\"db\",\"service\":\"db\",\"steps\":%s}]}",
			health, health, steps);
	_cleanup_free_ char *bin = path_join(f->dir, "podman"), *log = path_join(f->dir, "podman.log"),
			    *dir = xstrdup(f->dir), *path = xasprintf("%s:/usr/sbin:/usr/bin:/sbin:/bin", dir);
	if (f->a.conf)
		agent_release(&f->a);
	fix_machine(f, text);
	assert_works(path_write(bin, podman, strlen(podman), 0755, &f->err), f);
	setenv("PATH", path, 1);
	setenv("KILN_TEST_LOG", log, 1);
	setenv("OUT", dir, 1);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
}

static int provision(struct fix *f)
{
	char *argv[] = {(char *)"provision", (char *)"db", NULL};
	return cmd_provision(&f->a, 2, argv, &f->err);
}

static json_t *shown(struct fix *f)
{
	_cleanup_free_ char *text = fix_file(f, "run/provision/db.json");
	json_t *j = json_parse(text, strlen(text), "shown", &f->err);
	assert_non_null(j);
	return j;
}

static void how(struct fix *f, const char *want)
{
	_cleanup_json_ json_t *j = shown(f);
	const json_t *steps = json_object_get(j, "steps");
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	strbuf_adds(&got, "");
	for (size_t i = 0; i < json_array_size(steps); i++)
		strbuf_addf(&got, "%s%s: %s", i ? ", " : "",
			json_string_value(json_object_get(json_array_get(steps, i), "name")),
			json_string_value(json_object_get(json_array_get(steps, i), "how")));
	assert_string_equal(got.s, want);
}

/* Its steps one after another, within the run. */
static void times(struct fix *f)
{
	_cleanup_json_ json_t *j = shown(f);
	json_int_t at = json_integer_value(json_object_get(j, "started_ms")),
		   end = json_integer_value(json_object_get(j, "changed_ms"));
	json_t *s;
	size_t i;
	assert_true(at > 0);
	json_array_foreach(json_object_get(j, "steps"), i, s)
	{
		json_int_t begun = json_integer_value(json_object_get(s, "at_ms")),
			   ms = json_integer_value(json_object_get(s, "ms"));
		assert_true(begun >= at && ms >= 0 && begun + ms <= end);
		at = begun + ms;
	}
}

/* The secret is where it belongs and nowhere else in what the agent wrote or ran. */
static void assert_no_leak(struct fix *f, const char *secret)
{
	_cleanup_free_ char *run = path_join(f->dir, "run"), *records = path_join(f->dir, "state/provision"),
			    *log = path_join(f->dir, "podman.log");
	const char *const argv[] = {"grep", "-rqF", secret, run, records, log, NULL};
	int r = proc_run(argv, &(struct proc_opts){.ok_status = 1}, &f->err);
	err_release(&f->err);
	assert_int_not_equal(r, 0);
}

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

static void http_save(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20",
		"HTTP/1.1 201 Created\r\nContent-Length: 31\r\n\r\n{\"a\":{\"token\":\"t0ken-7\"},\"n\":5}\n");
	_cleanup_free_ char *steps = xasprintf("[{\"name\":\"create\",\"http\":{\"to\":[\"db-1\"],\"port\":%u,\"path\":"
					       "\"/x?y=1\",\"headers\":{\"X-Key\":\"${secret:db/pw}\"},"
					       "\"json\":{\"name\":\"${fact:hostname}\",\"n\":1},\"expect\":[201,409],"
					       "\"save\":{\"token\":\"/a/token\",\"n\":\"/n\"}}},"
					       "{\"name\":\"use\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"method\":"
					       "\"PUT\",\"path\":\"/z\",\"form\":{\"t\":\"${saved:db/token}&\"},"
					       "\"expect\":[201]}}]",
		s.port, s.port);
	with_steps(f, s.port, steps);
	assert_works(provision(f), f);
	_cleanup_free_ char *pw = fix_file(f, "state/secrets/db/pw"), *token = fix_file(f, "state/saved/db/token"),
			    *n = fix_file(f, "state/saved/db/n"), *key = xasprintf("\r\nX-Key: %s\r\n", pw);
	assert_string_equal(token, "t0ken-7");
	assert_string_equal(n, "5");
	assert_int_equal(fix_mode(f, "state/saved/db/token"), 0600);
	assert_non_null(strstr(s.asked.s, "POST /x?y=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked.s, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(s.asked.s, key));
	assert_non_null(strstr(s.asked.s, "\r\n\r\n{\"n\":1,\"name\":\""));
	assert_non_null(strstr(s.asked.s, "PUT /z HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked.s, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(s.asked.s, "\r\n\r\nt=t0ken-7%26\n"));
	server_stop(&s);
	how(f, "create: done, use: done");
}

/* Signed with a secret that does not leave the machine; the same connection, method and body as without. */
static void http_signed(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	_cleanup_free_ char *steps =
		xasprintf("[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"method\":\"PUT\","
			  "\"path\":\"/b?acl\",\"body\":\"x\",\"sigv4\":{\"access_key\":\"root\","
			  "\"secret_key\":\"${secret:db/pw}\",\"region\":\"eu-1\","
			  "\"service\":\"s3\"}}}]",
			s.port);
	with_steps(f, s.port, steps);
	assert_works(provision(f), f);
	_cleanup_free_ char *pw = fix_file(f, "state/secrets/db/pw");
	_cleanup_free_ char *host = xasprintf("\r\nHost: 127.0.0.20:%u\r\n", s.port);
	assert_non_null(strstr(s.asked.s, "PUT /b?acl HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked.s, host));
	assert_non_null(strstr(s.asked.s, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=root/"));
	assert_non_null(
		strstr(s.asked.s, "/eu-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "));
	assert_non_null(strstr(s.asked.s, "\r\n\r\nx\n--\n"));
	assert_null(strstr(s.asked.s, pw));
	server_stop(&s);
	assert_no_leak(f, pw);
	how(f, "a: done");
}

static void http_login(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	_cleanup_free_ char *steps = xasprintf("[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/\","
					       "\"login\":{\"user\":\"Aladdin\",\"password\":\"open sesame\"}}}]",
		s.port);
	with_steps(f, s.port, steps);
	assert_works(provision(f), f);
	assert_non_null(strstr(s.asked.s, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	server_stop(&s);
}

/* A fresh step is done for a step that has to run, and for no other; that its token is another one changes nothing. */
static void fresh(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"t\":\"t0ken-1\"}");
	for (unsigned round = 0; round < 3; round++) {
		_cleanup_free_ char *steps = xasprintf(
			"[{\"name\":\"login\",\"fresh\":true,\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/login\","
			"\"save\":{\"t\":\"/t\"}}},"
			"{\"name\":\"use\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/use\",\"body\":\"%s\","
			"\"headers\":{\"K\":\"Bearer ${saved:db/t}\",\"L\":\"${saved:db/t|b64}\"}}}]",
			s.port, s.port, round < 2 ? "same" : "other");
		strbuf_reset(&s.asked);
		if (round)
			s.answer = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"t\":\"t0ken-2\"}";
		with_steps(f, 0, steps);
		assert_works(provision(f), f);
		how(f, round == 1 ? "use: recorded" : "use: done");
		const char *asked = strbuf_cstr(&s.asked);
		assert_true(!strstr(asked, "GET /login ") == (round == 1));
		assert_true(!strstr(asked, round ? "\r\nK: Bearer t0ken-2\r\n" : "\r\nK: Bearer t0ken-1\r\n") ==
			    (round == 1));
	}
	assert_no_leak(f, "t0ken");
	server_stop(&s);
}

/* One that saves nothing makes way for the step that has to run, and only then. */
static void fresh_makes_way(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	_cleanup_free_ char *steps = xasprintf(
		"[{\"name\":\"clear\",\"fresh\":true,\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/clear\"}},"
		"{\"name\":\"make\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/make\"}}]",
		s.port, s.port);
	for (unsigned round = 0; round < 2; round++) {
		strbuf_reset(&s.asked);
		with_steps(f, 0, steps);
		assert_works(provision(f), f);
		how(f, round ? "make: recorded" : "make: done");
		const char *asked = strbuf_cstr(&s.asked), *clear = strstr(asked, "GET /clear ");
		assert_true(!clear == (round == 1));
		if (clear)
			assert_non_null(strstr(clear, "GET /make "));
	}
	server_stop(&s);
}

/* Who logs in has gone, and `unless` says that all is done then: a refused login does not matter. */
static void fresh_refused(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(&s, "127.0.0.20", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
	for (int with = 1; with >= 0; with--) {
		_cleanup_free_ char *unless = xasprintf(
			",\"unless\":{\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/\",\"expect\":[401]}}", s.port);
		_cleanup_free_ char *steps = xasprintf(
			"[{\"name\":\"login\",\"fresh\":true,\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/login\","
			"\"save\":{\"t\":\"/t\"}}},"
			"{\"name\":\"%s\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/use\","
			"\"headers\":{\"K\":\"${saved:db/t}\"}}%s,\"retry\":{\"every\":10,\"for\":1}}]",
			s.port, with ? "with" : "without", s.port, with ? unless : "");
		with_steps(f, 0, steps);
		if (with) {
			assert_works(provision(f), f);
			how(f, "with: already so");
			continue;
		}
		_cleanup_free_ char *want =
			xasprintf("provision db: without: login: GET 127.0.0.20:%u answers 401", s.port);
		assert_fails(provision(f), f, want);
	}
	assert_null(strstr(strbuf_cstr(&s.asked), "/use "));
	server_stop(&s);
}

/* https: only a server with a certificate of the appliance's CA for that address gets to see the request. */
static void https_verified(void **state)
{
	struct fix *f = *state;
	const unsigned port = 20000 + (unsigned)getpid() % 20000;
	_cleanup_free_ char *steps =
		xasprintf("[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"scheme\":\"https\","
			  "\"path\":\"/\"},\"retry\":{\"every\":100,\"for\":3000}}]",
			port);
	with_steps(f, 0, steps);
	assert_works(path_mkdirs(f->a.run, &f->err), f);
	assert_works(render_ca(&f->a, &f->err), f);
	_cleanup_free_ char *key = path_join(f->dir, "key.pem"), *cert = path_join(f->dir, "cert.pem"),
			    *accept = xasprintf("127.0.0.20:%u", port);
	const char *const make[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-subj", "/CN=other", "-addext", "subjectAltName=IP:127.0.0.20", "-keyout", key, "-out", cert,
		NULL};
	assert_works(proc_run(make, NULL, &f->err), f);
	for (int own = 1; own >= 0; own--) {
		const struct secret s = {.id = "db/tls",
			.certificate = true,
			.names = (const char *const[]){"db", NULL},
			.containers = (const char *const[]){"db-1", NULL}};
		assert_true(ca_leaf_ensure(&f->a, &s, &f->err) >= 0);
		_cleanup_free_ char *own_key = path_join(f->dir, "state/secrets/db/tls/key.pem"),
				    *own_cert = path_join(f->dir, "state/secrets/db/tls/cert.pem"),
				    *record = path_join(f->dir, "state/provision/db.json");
		const char *const server[] = {"openssl", "s_server", "-quiet", "-www", "-accept", accept, "-key",
			own ? own_key : key, "-cert", own ? own_cert : cert, NULL};
		struct proc p;
		assert_works(proc_start(&p, server, NULL, &f->err), f);
		unlink(record);
		int r = provision(f);
		proc_kill(&p);
		if (own)
			assert_works(r, f);
		else
			assert_non_null(strstr(f->err.msg, "certificate"));
		assert_int_equal(r, own ? 0 : -1);
	}
}

/* An answer that was not expected, echoing what it was sent. */
static void http_refused(void **state)
{
	struct fix *f = *state;
	struct server s;
	server_start(
		&s, "127.0.0.20", "HTTP/1.1 403 Forbidden\r\nContent-Length: 26\r\n\r\ntoken my-secret-1 is wrong\n");
	_cleanup_free_ char *steps =
		xasprintf("[{\"name\":\"a\",\"http\":{\"to\":\"db-1\",\"port\":%u,\"path\":\"/\","
			  "\"headers\":{\"K\":\"${secret:db/pw}\"}},\"retry\":{\"every\":10,\"for\":1}}]",
			s.port);
	with_steps(f, 0, steps);
	_cleanup_free_ char *path = path_join(f->dir, "state/secrets/db/pw");
	assert_works(path_write(path, "my-secret-1", 11, 0600, &f->err), f);
	_cleanup_free_ char *want =
		xasprintf("provision db: a: GET 127.0.0.20:%u answers 403\ntoken *** is wrong", s.port);
	assert_fails(provision(f), f, want);
	server_stop(&s);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	patience_source("/nonexistent"); /* the load of the machine that tests is none of theirs */
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {TEST(exec_once), TEST(runs_again_when_changed), TEST(unless_so),
		TEST(masked), TEST(retried), TEST(timed_out), TEST(http_save), TEST(http_signed), TEST(http_login),
		TEST(fresh), TEST(fresh_makes_way), TEST(fresh_refused), TEST(https_verified), TEST(http_refused),
		TEST(first_healthy), TEST(waits), TEST(waits_every_time), TEST(file_in_volume), TEST(wrong_steps),
		TEST(record_survives), TEST(killed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
