/* Downloads against a server that misbehaves, against no server, and onto a full disk: what arrives, and the exact
 * words when it does not. */
#include "base/hash.h"
#include "base/log.h"
#include "fault_server.h"
#include "fetch/download.h"
#include "fetch/http.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { BODY = 200000 };
static char body[BODY], body_hex[HASH_HEX];
static char *dir;
static struct cache *cache;
static struct server server;

static int setup(void **state)
{
	struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	for (size_t i = 0; i < BODY; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	hash_bytes(body, BODY, body_hex);
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-download-", &err);
	return !dir || cache_open(dir, NULL, &cache, &err) < 0;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	cache_close(cache);
	path_remove(dir, &err);
	free(dir);
	return 0;
}

static size_t entries(const char *part)
{
	_cleanup_free_ char *path = cache_path(cache, part);
	DIR *d = opendir(path);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void forget(void)
{
	struct err err = ERR_INIT;
	static const char *const parts[] = {"sha256", "partial", "tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *p = cache_path(cache, parts[i]);
		assert_int_equal(path_remove(p, &err), 0);
		assert_int_equal(path_mkdirs(p, &err), 0);
	}
}

static const struct download_opts quick = {.attempts = 3, .pause_ms = 10, .stall_ms = 1000, .gone_hint = "lock again"};

/* Download one thing of the given route. "PORT" in the expected message stands for the server's port; NULL: it must
 * work. */
static void try_route(struct route *r, const char *message, const char *hint)
{
	_cleanup_err_ struct err err = ERR_INIT;
	r->path = r->path ? r->path : "/x";
	r->body = r->body ? r->body : body;
	r->len = r->len ? r->len : BODY;
	struct route routes[2] = {*r, {.path = "/target", .body = body, .len = BODY}};
	server_start(&server, routes, 2);
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u%s", server.port, r->path);
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};
	int got = download_all(cache, &d, 1, &quick, &err);
	server_stop(&server);
	r->requests = routes[0].requests;
	memcpy(r->last_range, routes[0].last_range, sizeof r->last_range);
	memcpy(r->last_if_range, routes[0].last_if_range, sizeof r->last_if_range);
	if (!message) {
		if (got < 0)
			fail_msg("%s", err.msg);
		assert_true(cache_verify(cache, body_hex, BODY, &err) == 1);
		assert_int_equal(entries("partial"), 0);
		assert_int_equal(entries("tmp"), 0);
		return;
	}
	assert_int_equal(got, -1);
	_cleanup_free_ char *text = xasprintf("package a 1: %s: %s", uri, message);
	assert_string_equal(err.msg, text);
	assert_string_equal(err.hint ? err.hint : "none", hint);
	assert_false(cache_has(cache, body_hex, BODY));
	assert_int_equal(entries("tmp"), 0);
}

#define FAULTS(...) .faults = {__VA_ARGS__}, .n_faults = sizeof((enum fault[]){__VA_ARGS__}) / sizeof(enum fault)
static const char reach[] = "check that this host can reach the server; what arrived is kept and continued next time";

static void works(struct route r, unsigned requests)
{
	forget();
	try_route(&r, NULL, NULL);
	assert_int_equal(r.requests, requests);
}

static void fails(struct route r, unsigned requests, const char *message, const char *hint)
{
	forget();
	try_route(&r, message, hint);
	assert_int_equal(r.requests, requests);
}

static void test_plain(void **state)
{
	(void)state;
	works((struct route){FAULTS(SERVE)}, 1);
	works((struct route){FAULTS(SERVE_NO_LENGTH)}, 1);
	works((struct route){FAULTS(REDIRECT)}, 1);
}

static void test_resumes(void **state)
{
	struct route r = {FAULTS(CUT, SERVE)};

	(void)state;
	forget();
	try_route(&r, NULL, NULL);
	assert_int_equal(r.requests, 2);
	assert_string_equal(r.last_range, "bytes=100000-");
	assert_string_equal(r.last_if_range, "\"x\"");
	works((struct route){FAULTS(CUT, CUT, SERVE)}, 3);
	works((struct route){FAULTS(STALL, SERVE)}, 2);
	works((struct route){FAULTS(CUT_NO_LENGTH, SERVE)}, 2);
	works((struct route){FAULTS(CUT, SERVE_NO_RANGE)}, 2);
	works((struct route){FAULTS(CUT, STATUS_416, SERVE)}, 3);
}

/* A large file over a bad line: cut more often than there are attempts, while each brings a part. */
static void test_moves_on(void **state)
{
	(void)state;
	works((struct route){FAULTS(CUT, CUT, CUT, CUT, CUT, CUT, CUT, CUT, SERVE)}, 9);
	works((struct route){FAULTS(SILENT, SILENT, CUT, SILENT, CUT, STATUS_500, SERVE)}, 7);
	fails((struct route){FAULTS(CUT, CUT, CUT, SILENT)}, 5,
		"the server closed the connection without an answer (5 attempts)", reach);
	/* The last byte is half of nothing. */
	fails((struct route){FAULTS(CUT_NO_LENGTH)}, 20, "the server ended after 199999 of 200000 bytes (20 attempts)",
		reach);
}

/* What a killed kiln left is continued by the next one; other bytes of the same name are found out. */
static void test_resumes_next_time(void **state)
{
	_cleanup_free_ char *rel = xasprintf("partial/%s", body_hex), *path = cache_path(cache, rel);
	struct err err = ERR_INIT;
	struct route r = {FAULTS(SERVE)};

	(void)state;
	forget();
	assert_int_equal(path_write(path, body, 1234, 0644, &err), 0);
	try_route(&r, NULL, NULL);
	assert_string_equal(r.last_range, "bytes=1234-");
	assert_int_equal(r.requests, 1);

	forget();
	assert_int_equal(path_write(path, "something else", 14, 0644, &err), 0);
	struct route again = {FAULTS(SERVE)};
	try_route(&again, NULL, NULL);
	assert_int_equal(again.requests, 2);
	assert_string_equal(again.last_range, "");

	forget();
	assert_int_equal(path_write(path, body, BODY, 0644, &err), 0);
	struct route complete = {FAULTS(STATUS_404)};
	try_route(&complete, NULL, NULL);
	assert_int_equal(complete.requests, 0);

	forget();
	_cleanup_free_ char *longer = xcalloc(1, BODY + 10);
	assert_int_equal(path_write(path, longer, BODY + 10, 0644, &err), 0);
	struct route fresh = {FAULTS(SERVE)};
	try_route(&fresh, NULL, NULL);
	assert_string_equal(fresh.last_range, "");
}

static void test_retries(void **state)
{
	(void)state;
	works((struct route){FAULTS(STATUS_500, STATUS_503, SERVE)}, 3);
	works((struct route){FAULTS(SILENT, SERVE)}, 2);
	works((struct route){FAULTS(WRONG_BYTES, SERVE)}, 2);
}

/* Whoever asks for a second has it. The pauses without being asked are 10 ms and 20 ms. */
static void test_waits(void **state)
{
	static const enum fault asked[] = {STATUS_429, STATUS_5001};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		uint64_t begun = http_now_ms();
		works((struct route){FAULTS(asked[i], SERVE)}, 2);
		assert_in_range(http_now_ms() - begun, 1000, 60000);
	}
}

static void test_refused(void **state)
{
	(void)state;
	fails((struct route){FAULTS(STATUS_404)}, 1, "the server does not have it (HTTP status 404)", "lock again");
	fails((struct route){FAULTS(STATUS_410)}, 1, "the server does not have it (HTTP status 410)", "lock again");
	fails((struct route){FAULTS(STATUS_403)}, 1, "the server answers with HTTP status 403", reach);
	fails((struct route){FAULTS(STATUS_500)}, 3, "the server answers with HTTP status 500 (3 attempts)", reach);
	fails((struct route){FAULTS(STATUS_4290)}, 1, "the server answers with HTTP status 429",
		"the server asks to come back in 3600 s");
}

static void test_broken(void **state)
{
	(void)state;
	fails((struct route){FAULTS(CUT_NO_RANGE)}, 3, "the server ended after 100000 of 200000 bytes (3 attempts)",
		reach);
	fails((struct route){FAULTS(SILENT)}, 3, "the server closed the connection without an answer (3 attempts)",
		reach);
	fails((struct route){FAULTS(GARBAGE)}, 1, "what answers there does not speak HTTP", reach);
	fails((struct route){FAULTS(CUT, WRONG_RANGE)}, 2,
		"the server sent bytes from 99999 when asked for those from 100000 (2 attempts)", reach);
	fails((struct route){FAULTS(REDIRECT_LOOP)}, 11, "the server redirects more than 10 times", reach);
	fails((struct route){FAULTS(REDIRECT_FILE)}, 1,
		"the server redirects to something that is neither http: nor https:", reach);
}

/* A slow server is waited for, in all longer than one that is silent. */
static void test_slow(void **state)
{
	uint64_t begun = http_now_ms();

	(void)state;
	works((struct route){FAULTS(DRIP)}, 1);
	assert_in_range(http_now_ms() - begun, quick.stall_ms + 1, 60000);
}

/* A server that falls silent, again and again. */
static void test_stalls(void **state)
{
	(void)state;
	fails((struct route){FAULTS(STALL, STALL_AT_ONCE)}, 3, "nothing arrived for 1 s (3 attempts)", reach);
	assert_int_equal(entries("partial"), 1);
}

static void test_wrong(void **state)
{
	char wrong[BODY], hex[HASH_HEX];
	_cleanup_free_ char *message = NULL;

	(void)state;
	memcpy(wrong, body, BODY);
	wrong[BODY / 2] ^= 1;
	hash_bytes(wrong, BODY, hex);
	message = xasprintf("its SHA-256 is %s, expected is %s", hex, body_hex);
	fails((struct route){FAULTS(WRONG_BYTES)}, 2, message, "lock again");
	assert_int_equal(entries("partial"), 0);
	fails((struct route){FAULTS(TOO_LONG)}, 1, "the server has 200001 bytes, expected are 200000", "lock again");
	fails((struct route){FAULTS(TOO_SHORT)}, 1, "the server has 199999 bytes, expected are 200000", "lock again");
	fails((struct route){FAULTS(TOO_LONG_NO_LENGTH)}, 1, "the server sends more than the 200000 bytes expected",
		"lock again");
	assert_int_equal(entries("partial"), 0);
}

static void test_no_server(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	forget();
	/* bound, but nobody listens: the port stays ours and refuses */
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u/x", ntohs(a.sin_port));
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};
	assert_int_equal(download_all(cache, &d, 1, &quick, &err), -1);
	assert_int_equal(err.kind, ERR_NETWORK);
	_cleanup_free_ char *message =
		xasprintf("package a 1: %s: no connection: Connection refused (3 attempts)", uri);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, reach);
	assert_int_equal(entries("partial"), 0);
	close(fd);

	/* RFC 6761: this name never resolves */
	d.uri = "http://mirror.invalid/x";
	assert_int_equal(download_all(cache, &d, 1, &quick, &err), -1);
	assert_string_equal(err.msg,
		"package a 1: http://mirror.invalid/x: the name of the server cannot be resolved (3 attempts)");
}

static void test_offline(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct download d[] = {
		{.uri = "http://127.0.0.1:1/x", .sha256 = body_hex, .size = BODY, .what = "package a 1"},
		{.uri = "http://127.0.0.1:1/x", .sha256 = body_hex, .size = BODY, .what = "package b 1"},
	};
	struct download_opts o = {.offline = true};

	(void)state;
	forget();
	assert_int_equal(download_all(cache, d, 2, &o, &err), -1);
	assert_string_equal(err.msg, "package a 1: not in the cache, and --offline forbids to fetch it");
	assert_string_equal(err.hint, "2 files are missing; run \"kiln fetch\" with a network");
	works((struct route){FAULTS(SERVE)}, 1);
	assert_int_equal(download_all(cache, d, 2, &o, &err), 0);
}

static void test_files(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/local", dir), *uri = xasprintf("file://%s", path);
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};

	(void)state;
	forget();
	_cleanup_free_ char *message = xasprintf("package a 1: %s: there is no such file, or it cannot be read", uri);
	assert_int_equal(download_all(cache, &d, 1, &quick, &err), -1);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, "lock again");
	assert_int_equal(path_write(path, body, BODY, 0644, &err), 0);
	assert_int_equal(download_all(cache, &d, 1, &quick, &err), 0);
	assert_int_equal(cache_verify(cache, body_hex, BODY, &err), 1);
	d.uri = "ftp://127.0.0.1/x";
	forget();
	assert_int_equal(download_all(cache, &d, 1, &quick, &err), -1);
	assert_string_equal(err.msg, "package a 1: ftp://127.0.0.1/x: neither http:, https: nor file:");
}

/* Forty at once; one of them is missing: the others that came stay. */
static void test_many(void **state)
{
	enum { N = 40 };
	struct route routes[N] = {0};
	struct download d[N];
	char bodies[N][100], hex[N][HASH_HEX];
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena texts = {0};

	(void)state;
	forget();
	for (size_t i = 0; i < N; i++) {
		snprintf(bodies[i], sizeof bodies[i], "body of %zu", i);
		hash_bytes(bodies[i], strlen(bodies[i]), hex[i]);
		routes[i].path = arena_printf(&texts, "/%zu", i);
		routes[i].body = bodies[i];
		routes[i].len = strlen(bodies[i]);
		if (i % 3 == 0) {
			routes[i].faults[0] = i % 2 ? CUT : STATUS_503;
			routes[i].n_faults = 2; /* then SERVE */
		}
	}
	server_start(&server, routes, N);
	for (size_t i = 0; i < N; i++)
		d[i] = (struct download){
			.uri = arena_printf(&texts, "http://127.0.0.1:%u/%zu", server.port, i),
			.sha256 = hex[i],
			.size = strlen(bodies[i]),
			.what = "file",
		};
	if (download_all(cache, d, N, &quick, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(entries("sha256"), N);
	assert_int_equal(entries("partial"), 0);
	/* a second time there is nothing to do */
	unsigned before = routes[5].requests;
	assert_int_equal(download_all(cache, d, N, &quick, &err), 0);
	assert_int_equal(routes[5].requests, before);
	server_stop(&server);
	arena_release(&texts);
}

/* Two kilns on one cache want the same files at the same time. */
static void test_two_at_once(void **state)
{
	struct route routes[] = {{.path = "/x", .body = body, .len = BODY, FAULTS(CUT, CUT, SERVE)}};
	_cleanup_err_ struct err err = ERR_INIT;
	int status = -1;

	(void)state;
	forget();
	server_start(&server, routes, 1);
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u/x", server.port);
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};
	pid_t child = fork();
	if (child == 0) {
		struct cache *own = NULL;
		if (cache_open(dir, NULL, &own, &err) < 0 || download_all(own, &d, 1, &quick, &err) < 0)
			fprintf(stderr, "%s\n", err.msg);
		_exit(err.msg != NULL);
	}
	int got = download_all(cache, &d, 1, &quick, &err);
	assert_int_equal(waitpid(child, &status, 0), child);
	server_stop(&server);
	if (got < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(status, 0);
	assert_int_equal(cache_verify(cache, body_hex, BODY, &err), 1);
	assert_int_equal(entries("partial"), 0);
	assert_int_equal(entries("tmp"), 0);
}

static void test_probe(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct route routes[] = {
		{.path = "/there", .body = body, .len = BODY, FAULTS(STATUS_500, SERVE)},
		{.path = "/no", FAULTS(STATUS_404)},
		{.path = "/forbidden", FAULTS(STATUS_403)},
	};

	(void)state;
	server_start(&server, routes, 3);
	_cleanup_free_ char *base = xasprintf("http://127.0.0.1:%u", server.port);
	_cleanup_free_ char *there = path_join(base, "there"), *no = path_join(base, "no"),
			    *forbidden = path_join(base, "forbidden");
	assert_int_equal(download_probe(there, &quick, &err), 1);
	assert_int_equal(download_probe(no, &quick, &err), 0);
	assert_null(err.msg);
	assert_int_equal(download_probe(forbidden, &quick, &err), -1);
	_cleanup_free_ char *message = xasprintf("%s: the server answers with HTTP status 403", forbidden);
	assert_string_equal(err.msg, message);
	assert_int_equal(routes[2].requests, 1);
	server_stop(&server);
	assert_int_equal(download_probe("file:///etc/os-release", &quick, &err), 1);
	assert_int_equal(download_probe("file:///nonexistent/x", &quick, &err), 0);
}

static void fetch_once(const char *uri, bool good)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};
	struct download_opts o = quick;

	o.attempts = 1;
	forget();
	if (download_all(cache, &d, 1, &o, &err) != (good ? 0 : -1))
		fail_msg("%s: %s", uri, err.msg ? err.msg : "fetched");
}

static void apt_conf(const char *fmt, unsigned port)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(dir, "apt.conf"), *text = NULL;
	_cleanup_strvec_ struct strvec around = STRVEC_INIT;

	str_split(&around, fmt, "@");
	text = around.n == 2 ? xasprintf("%s%u%s", around.v[0], port, around.v[1]) : xstrdup(fmt);
	assert_int_equal(path_write(path, text, strlen(text), 0644, &err), 0);
	setenv("APT_CONFIG", path, 1);
}

/* A proxy sees the whole address in the request line. apt's setting counts first, then the environment. */
static void test_proxy(void **state)
{
	struct route routes[] = {{.path = "http://mirror.invalid/x", .body = body, .len = BODY}};

	(void)state;
	server_start(&server, routes, 1);
	_cleanup_free_ char *env = xasprintf("http://127.0.0.1:%u", server.port);
	apt_conf("", 0);
	fetch_once("http://mirror.invalid/x", false);
	apt_conf("Acquire::http::Proxy \"http://127.0.0.1:@\";", server.port);
	fetch_once("http://mirror.invalid/x", true);
	apt_conf("Acquire::http::Proxy::mirror.invalid \"http://127.0.0.1:@\";", server.port);
	fetch_once("http://mirror.invalid/x", true);
	apt_conf("", 0);
	setenv("http_proxy", env, 1);
	fetch_once("http://mirror.invalid/x", true);
	apt_conf("Acquire::http::Proxy \"DIRECT\";", 0);
	fetch_once("http://mirror.invalid/x", false);
	unsetenv("http_proxy");
	unsetenv("APT_CONFIG");
	assert_int_equal(routes[0].requests, 3);
	server_stop(&server);
}

/* On a disk with 64 KiB in all: one clear error, nothing left. */
static void test_full_disk(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *small = xasprintf("%s/small", dir);
	struct cache *on_small = NULL;
	struct route routes[] = {{.path = "/x", .body = body, .len = BODY}};

	(void)state;
	assert_int_equal(path_mkdirs(small, &err), 0);
	if (mount("none", small, "tmpfs", 0, "size=64k") < 0) {
		print_message("skipped: a small tmpfs cannot be mounted here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(cache_open(small, NULL, &on_small, &err), 0);
	server_start(&server, routes, 1);
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u/x", server.port);
	struct download d = {.uri = uri, .sha256 = body_hex, .size = BODY, .what = "package a 1"};
	int got = download_all(on_small, &d, 1, &quick, &err);
	server_stop(&server);
	_cleanup_free_ char *partial = xasprintf("%s/partial/%s", small, body_hex);
	_cleanup_free_ char *message = xasprintf("package a 1: %s: write %s: No space left on device", uri, partial);
	bool gone = !path_exists(partial);
	cache_close(on_small);
	umount(small);
	assert_int_equal(got, -1);
	assert_string_equal(err.msg, message);
	assert_string_equal(
		err.hint, "free some space (\"kiln cache prune\"), or put the cache on a larger disk with --cache DIR");
	assert_int_equal(err.kind, ERR_IO);
	assert_true(gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_moves_on),
		cmocka_unit_test(test_resumes_next_time),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_stalls),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_full_disk),
	};

	log_set(LOG_QUIET);
	/* the server is on this host, whatever proxy the environment names */
	setenv("no_proxy", "127.0.0.1", 1);
	return cmocka_run_group_tests(tests, setup, teardown);
}
