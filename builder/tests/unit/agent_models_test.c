/* Which models are in memory: asked where a container says so, of a healthy one, and believed only as far as it is
 * read. */
#include "provisionfix.h"
#include "target/agent/health.h"
#include "target/agent/status.h"

#define BODY "{\"models\":[{\"name\":\"one:1\",\"size\":5},{\"name\":7},{},{\"name\":\"other:1\"}]}"

/* "MODEL=VALUE ..." of the status; asked of a container in this state, which answers so. */
static void told(struct fix *f, enum health_state state, const char *answer, const char *want, const char *asked)
{
	struct server s;
	struct health_entry v = {.state = state};
	server_start(&s, "127.0.0.20", answer);
	_cleanup_free_ char *machine = xasprintf(
		"{\"kiln\": 1, \"network\": {\"bridge\": \"kiln0\", \"subnet\": \"127.0.0.0/24\"}, \"models\": ["
		"{\"name\": \"one:1\", \"bytes\": 5}, {\"name\": \"two:1\"}], \"containers\": [{\"name\": \"llm\", "
		"\"service\": \"llm\", \"unit\": \"llm.service\", \"address\": 20, \"models\": {\"port\": %u, "
		"\"path\": \"/ps\", \"list\": \"/models\", \"name\": \"/name\"}}]}",
		s.port);
	fix_machine(f, machine);
	assert_works(health_write(&f->a, &(struct health_table){.v = &v, .n = 1, .beat_ms = agent_ms()}, &f->err), f);
	_cleanup_json_ json_t *status = json_object();
	status_host(&f->a, status);
	status_models(&f->a, status);
	_cleanup_free_ char *got = json_compact(json_object_get(status, "models"));
	assert_string_equal(got, want);
	if (asked)
		assert_true(str_starts(strbuf_cstr(&s.asked), asked));
	else
		assert_int_equal(s.asked.len, 0);
	server_stop(&s);
}

#define UNKNOWN "[{\"bytes\":5,\"name\":\"one:1\"},{\"name\":\"two:1\"}]"
#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

static void test_told(void **state)
{
	told(*state, HEALTH_HEALTHY, OK(BODY),
		"[{\"bytes\":5,\"loaded\":true,\"name\":\"one:1\"},{\"loaded\":false,\"name\":\"two:1\"}]",
		"GET /ps HTTP/1.1\r\n");
}
static void test_none(void **state)
{
	told(*state, HEALTH_HEALTHY, OK("{\"models\":[]}"),
		"[{\"bytes\":5,\"loaded\":false,\"name\":\"one:1\"},{\"loaded\":false,\"name\":\"two:1\"}]",
		"GET /ps HTTP/1.1\r\n");
}
static void test_another_answer(void **state)
{
	told(*state, HEALTH_HEALTHY, OK("{\"models\":{}}"), UNKNOWN, "GET");
}
static void test_no_json(void **state)
{
	told(*state, HEALTH_HEALTHY, OK("<html>"), UNKNOWN, "GET");
}
static void test_refused(void **state)
{
	told(*state, HEALTH_HEALTHY, "HTTP/1.1 503 no\r\nConnection: close\r\n\r\n" BODY, UNKNOWN, "GET");
}
static void test_not_healthy(void **state)
{
	told(*state, HEALTH_STARTING, OK(BODY), UNKNOWN, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_told),
		TEST(test_none),
		TEST(test_another_answer),
		TEST(test_no_json),
		TEST(test_refused),
		TEST(test_not_healthy),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
