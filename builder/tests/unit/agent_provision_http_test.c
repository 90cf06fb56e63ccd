/* Provision steps that are requests: what they say and save, signed or with a login, made anew, over TLS. */
#include "provisionfix.h"
#include "target/agent/ca.h"
#include "target/agent/render.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(http_save), TEST(http_signed), TEST(http_login), TEST(fresh),
		TEST(fresh_makes_way), TEST(fresh_refused), TEST(https_verified), TEST(http_refused)};
	return provision_tests(tests, ARRAY_SIZE(tests));
}
