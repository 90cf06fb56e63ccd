/* Small answers of a server that misbehaves: what comes of them, after how many requests and how long, and the words.
 */
#include "fault_server.h"
#include "fetch/http.h"
#include "fetch/request.h"
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

static const struct download_opts quick = {.attempts = 3, .pause_ms = 10, .stall_ms = 1000};
static uint64_t took_ms;

#define FAULTS(...) .faults = {__VA_ARGS__}, .n_faults = sizeof((enum fault[]){__VA_ARGS__}) / sizeof(enum fault)

/* Ask for 2000 bytes. NULL: they come; else it fails with that message and hint, "none" for no hint. */
static void asks(struct route r, unsigned requests, size_t max, const char *message, const char *hint)
{
	static const char bytes[2000];
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_response_ struct response got = {0};
	struct requester *asker = requester_new(&quick);
	struct server server;

	r.path = "/x";
	r.body = bytes;
	r.len = sizeof bytes;
	server_start(&server, &r, 1);
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%u/x", server.port);
	uint64_t begun = http_now_ms();
	int result = request_send(asker, &(struct request){.uri = uri, .max = max}, &got, &err);
	took_ms = http_now_ms() - begun;
	server_stop(&server);
	requester_free(asker);
	assert_int_equal(r.requests, requests);
	if (message) {
		assert_int_equal(result, -1);
		assert_string_equal(err.msg, message);
		assert_string_equal(err.hint ? err.hint : "none", hint);
		return;
	}
	if (result < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.len, sizeof bytes);
}

static void comes(struct route r, unsigned requests)
{
	asks(r, requests, 2000, NULL, NULL);
}

static void fails(struct route r, unsigned requests, const char *message, const char *hint)
{
	asks(r, requests, 2000, message, hint);
}

static void test_retries(void **state)
{
	(void)state;
	comes((struct route){FAULTS(SERVE)}, 1);
	comes((struct route){FAULTS(STATUS_500, STATUS_503, SERVE)}, 3);
	comes((struct route){FAULTS(CUT, SILENT, SERVE)}, 3);
	fails((struct route){FAULTS(STATUS_500)}, 3, "the server answers with HTTP status 500 (3 attempts)", "none");
	fails((struct route){FAULTS(SILENT)}, 3, "the server closed the connection without an answer (3 attempts)",
		"none");
	asks((struct route){FAULTS(SERVE)}, 1, 1999, "the server sends more than 2.0 KiB", "none");
}

/* Whoever asks for a second has it; an hour is too long. The pauses without being asked are 10 ms and 20 ms. */
static void test_waits(void **state)
{
	(void)state;
	comes((struct route){FAULTS(STATUS_429, SERVE)}, 2);
	assert_in_range(took_ms, 1000, 60000);
	comes((struct route){FAULTS(STATUS_5001, SERVE)}, 2);
	assert_in_range(took_ms, 1000, 60000);
	fails((struct route){FAULTS(STATUS_4290)}, 1, "the server answers with HTTP status 429",
		"the server asks to come back in 3600 s");
}

/* A slow server is waited for, in all longer than one that is silent. */
static void test_slow(void **state)
{
	(void)state;
	comes((struct route){FAULTS(DRIP)}, 1);
	assert_in_range(took_ms, quick.stall_ms + 1, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retries), cmocka_unit_test(test_waits), cmocka_unit_test(test_slow)};

	/* the server is on this host, whatever proxy the environment names */
	setenv("no_proxy", "127.0.0.1", 1);
	return cmocka_run_group_tests_name("small answers", tests, NULL, NULL);
}
