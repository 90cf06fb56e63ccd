/* What containers have in memory: processes of a unit wherever podman has put them, sums by service. */
#include "agentfix.h"
#include "target/agent/memory.h"
#include "target/agent/status.h"
#include "target/agent/unit.h"

static char *put(struct fix *f, const char *path, const char *text)
{
	char *full = path_join(f->dir, path);
	assert_works(agent_write(full, text, strlen(text), 0600, &f->err), f);
	return full;
}

static void group(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *top = path_join(f->dir, "unit"), *proc = path_join(f->dir, "proc");
	static const char *const files[][2] = {
		{"unit/cgroup.procs", "2\n"}, {"unit/libpod-payload-0/cgroup.procs", "30\n31\n40\n"},
		{"unit/libpod-payload-0/of its own/cgroup.procs", "50\n"},
		{"unit/a/b/c/d/e/cgroup.procs", "60\n"}, /* deeper than anything goes */
		{"proc/2/smaps_rollup",
			"00-01 ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:     10 kB\nPss_Dirty: 1 kB\n"},
		{"proc/30/smaps_rollup", "[rollup]\nPss:   1048576 kB\n"},
		{"proc/31/smaps_rollup", "[rollup]\nRss: 7 kB\n"}, {"proc/50/smaps_rollup", "[rollup]\nPss: 5 kB\n"},
		{"proc/60/smaps_rollup", "[rollup]\nPss: 99 kB\n"},
		{"proc/70/smaps_rollup", "[rollup]\nPss: 99 kB\n"}, /* of another unit; 40 has just ended */
	};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		free(put(f, files[i][0], files[i][1]));
	assert_int_equal(memory_used(top, proc), (1048576 + 15) * 1024ull);
	assert_int_equal(memory_peak(top), 0);
	free(put(f, "unit/memory.peak", "123456789\n"));
	assert_int_equal(memory_peak(top), 123456789);
	free(put(f, "unit/memory.peak", "max\n"));
	assert_int_equal(memory_peak(top), 0);
	_cleanup_free_ char *none = path_join(f->dir, "none");
	assert_int_equal(memory_used(none, proc), 0);
	_cleanup_free_ char *where = unit_group("db.service");
	assert_string_equal(where, "/sys/fs/cgroup/system.slice/db.service");
}

/* This process is measured as any other is. */
static void self(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *text = xasprintf("%d\n", (int)getpid());
	_cleanup_free_ char *list = put(f, "self/cgroup.procs", text), *top = path_join(f->dir, "self");
	uint64_t used = memory_used(top, "/proc");
	assert_true(used > 64 << 10 && used < 1 << 30);
}

/* Nothing runs here: limits are all that is known, and a service has the sum of those of its containers. */
static void sums(void **state)
{
	struct fix *f = *state;
	fix_machine(f,
		"{\"kiln\":1,\"name\":\"t\",\"version\":\"7\",\"network\":{\"name\":\"kiln\",\"bridge\":\"kiln0\","
		"\"subnet\":\"127.0.0.0/24\"},\"services\":[{\"name\":\"db\",\"layer\":\"data\",\"containers\":"
		"[\"db-1\",\"db-2\"]},{\"name\":\"web\",\"layer\":\"edge\",\"containers\":[\"web\"]}],\"containers\":["
		"{\"name\":\"db-1\",\"service\":\"db\",\"unit\":\"kiln-none-1.service\",\"address\":21,\"memory\":1000}"
		","
		"{\"name\":\"db-2\",\"service\":\"db\",\"unit\":\"kiln-none-2.service\",\"address\":22,\"memory\":500},"
		"{\"name\":\"web\",\"service\":\"web\",\"unit\":\"kiln-none-3.service\",\"address\":20}]}");
	_cleanup_json_ json_t *status = status_core(&f->a);
	status_memory(&f->a, status);
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;
	size_t i, k;
	json_t *s, *c;
	json_array_foreach(json_object_get(status, "services"), i, s)
	{
		_cleanup_free_ char *all = json_compact(json_object_get(s, "memory"));
		strbuf_addf(&seen, "%s %s", json_text(s, "name"), all);
		json_array_foreach(json_object_get(s, "containers"), k, c)
		{
			_cleanup_free_ char *one = json_compact(json_object_get(c, "memory"));
			strbuf_addf(&seen, " %s", one);
		}
		strbuf_addc(&seen, '\n');
	}
	assert_string_equal(seen.s, "db {\"limit\":1500} {\"limit\":1000} {\"limit\":500}\n"
				    "web {} {}\n");
	json_object_set_new(
		json_array_get(
			json_object_get(json_array_get(json_object_get(status, "services"), 1), "containers"), 0),
		"memory", json_pack("{s:I}", "used", (json_int_t)300 << 20));
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	status_text(status, &text);
	assert_non_null(strstr(text.s, "  web              web                  unknown     300 MiB"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {TEST(group), TEST(self), TEST(sums)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
