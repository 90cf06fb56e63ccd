/* base/: text, errors, files, processes, the pool. */
#include "base/base64.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/vec.h"
#include "outside.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void errors_gather_context(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&e, ENOENT, "open %s", "/x"), -1);
	err_wrap(&e, "lock %s", "core");
	err_hint(&e, "make %s", "it");
	assert_string_equal(e.msg, "lock core: open /x: No such file or directory");
	assert_string_equal(e.hint, "make it");
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(e.sys, ENOENT);
	err_set(&e, ERR_CONFIG, "new");
	assert_null(e.hint);
}

static void sizes_and_times(void **state)
{
	uint64_t v;
	static const char *const bad[] = {"", "G", "1X", "1.G", "-1", "99999999999G", "1.2345G", "1 G", "8388608T"};

	(void)state;
	assert_true(str_to_bytes("1.5G", &v));
	assert_int_equal(v, 3ULL << 29);
	assert_true(str_to_bytes("17", &v));
	assert_int_equal(v, 17);
	assert_true(str_to_ms("500ms", &v));
	assert_int_equal(v, 500);
	assert_true(str_to_ms("2m", &v));
	assert_int_equal(v, 120000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(str_to_bytes(bad[i], &v));
	assert_false(str_to_u64("18446744073709551616", &v));
	assert_true(str_to_u64("18446744073709551615", &v));
	assert_string_equal(str_bytes(1536), "1.5 KiB");
}

static void nearest_name(void **state)
{
	(void)state;
	assert_string_equal(str_nearest("setings", ARGV("services", "settings", "summary")), "settings");
	assert_string_equal(str_nearest("sevrices", ARGV("services", "settings", "summary")), "services");
	assert_null(str_nearest("kernel", ARGV("services", "settings", "summary")));
}

static void files_appear_whole(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_free_ char *dir = path_tempdir("/tmp", "kiln-base-", &e);
	_cleanup_free_ char *file = path_join(dir, "a/b/c"), *copy = path_join(dir, "copy");
	_cleanup_free_ char *sub = path_dir(file);
	size_t len;
	struct stat st;

	(void)state;
	assert_int_equal(path_mkdirs(sub, &e), 0);
	assert_int_equal(path_write(file, "text", 4, 0640, &e), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	_cleanup_free_ char *text = path_read(file, 100, &len, &e);
	assert_string_equal(text, "text");
	assert_null(path_read(file, 3, &len, &e));
	assert_non_null(strstr(e.msg, "larger than the 3 B"));
	assert_int_equal(truncate(file, 1 << 20), 0);
	assert_int_equal(path_copy(file, copy, 0600, &e), 0);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_size, 1 << 20);
	assert_true(st.st_blocks * 512 < 1 << 19);
	/* A directory that nobody may enter is removed all the same. */
	assert_int_equal(chmod(sub, 0), 0);
	assert_int_equal(path_remove(dir, &e), 0);
	assert_false(path_exists(dir));
	assert_int_equal(path_remove(dir, &e), 0);
}

static void links_stay_inside_the_root(void **state)
{
	char *dir = outside_begin("kiln-base-");
	_cleanup_fd_ int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *canaries = outside_text(CANARIES), *canary = outside_text(CANARY);

	(void)state;
	assert_int_equal(symlinkat(canaries, root, "escape"), 0);
	assert_int_equal(symlinkat("../../../canaries", root, "dots"), 0);
	assert_int_equal(path_open_in(root, "escape/canary", O_RDONLY, 0), -1);
	assert_int_equal(path_open_in(root, "dots/canary", O_RDONLY, 0), -1);
	assert_int_equal(path_open_in(root, "../../canary", O_RDONLY, 0), -1);
	assert_int_equal(path_open_in(root, canary, O_RDONLY, 0), -1);
	assert_int_equal(path_mkparents_in(root, "x/y/z"), 0);
	_cleanup_fd_ int fd = path_open_in(root, "x/y/z", O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(outside_end(path_remove), 0);
}

static void programs_fail_with_their_words(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct proc_opts three = {.ok_status = 3}, soon = {.timeout_ms = 100}, capture = {.capture = &out};

	(void)state;
	assert_int_equal(proc_run(ARGV("sh", "-c", "echo one; echo two >&2; exit 3"), NULL, &e), -1);
	assert_int_equal(e.kind, ERR_TOOL);
	assert_non_null(strstr(e.msg, "sh failed with exit status 3:"));
	assert_non_null(strstr(e.msg, "\n    two"));
	assert_int_equal(proc_run(ARGV("sh", "-c", "exit 3"), &three, &e), 3);
	assert_int_equal(proc_run(ARGV("no-such-program"), NULL, &e), -1);
	assert_string_equal(e.msg, "no-such-program: program not found");
	assert_int_equal(proc_run(ARGV("sleep", "30"), &soon, &e), -1);
	assert_string_equal(e.msg, "sleep did not end within 0.1 s and was stopped");
	assert_int_equal(proc_run(ARGV("sh", "-c", "kill -9 $$"), NULL, &e), -1);
	assert_string_equal(e.msg, "sh was ended by signal 9 (Killed)");
	assert_int_equal(proc_run(ARGV("echo", "hi"), &capture, &e), 0);
	assert_string_equal(out.s, "hi\n");
}

static int count(size_t i, void *arg, struct err *err)
{
	atomic_int *n = arg;

	atomic_fetch_add(n, 1);
	return i == 50 ? err_set(err, ERR_IO, "item %zu", i) : 0;
}

static void pool_stops_at_the_first_error(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	atomic_int n = 0;

	(void)state;
	assert_int_equal(pool_map(50, 4, count, &n, &e), 0);
	assert_int_equal(n, 50);
	assert_int_equal(pool_map(1000000, 4, count, &n, &e), -1);
	assert_string_equal(e.msg, "item 50");
	assert_true(n < 1000000);
	assert_int_equal(pool_map(0, 4, count, &n, &e), 0);
}

static void hashes_keep_fields_apart(void **state)
{
	char a[HASH_HEX], b[HASH_HEX];
	struct hash *h;

	(void)state;
	hash_bytes("abc", 3, a);
	assert_string_equal(a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	h = hash_new();
	hash_field(h, "ab");
	hash_field(h, "c");
	hash_end(h, a);
	h = hash_new();
	hash_field(h, "a");
	hash_field(h, "bc");
	hash_end(h, b);
	assert_string_not_equal(a, b);
}

static void json_errors_have_a_place(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_json_ json_t *j = json_parse("{\"bcd\": 1, \"a\": [\"x\"]}", 22, "f.json", &e);
	_cleanup_free_ char *text = json_canonical(j);

	(void)state;
	assert_string_equal(text, "{\n  \"a\": [\n    \"x\"\n  ],\n  \"bcd\": 1\n}\n");
	assert_null(json_parse("{\"a\": 1,\n \"a\": 2}", 17, "f.json", &e));
	assert_non_null(strstr(e.msg, "f.json:2:"));
	assert_null(json_need_str(j, "bcd", &e));
	assert_string_equal(e.msg, "bcd: expected a string, found an integer");
	assert_int_equal(json_only_keys(j, ARGV("a", "bd"), &e), -1);
	assert_string_equal(e.msg, "unknown key \"bcd\"");
	assert_string_equal(e.hint, "did you mean \"bd\"?");
}

static void base64(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_strbuf_ struct strbuf there = STRBUF_INIT, back = STRBUF_INIT;
		base64_add(&there, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(strbuf_cstr(&there), pairs[i][1]);
		assert_true(base64_decode(&back, pairs[i][1]));
		assert_string_equal(strbuf_cstr(&back), pairs[i][0]);
	}
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zm9v=", "Zg==Zg==", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm9v\n"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		assert_false(base64_decode(&out, bad[i]));
	}
}

static void lists(void **state)
{
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	VEC(int) ints = {0};

	(void)state;
	str_split(&v, "b  a b", " ");
	strvec_sort(&v);
	strvec_uniq(&v);
	_cleanup_free_ char *s = strvec_join(&v, "+");
	assert_string_equal(s, "a+b");
	for (int i = 0; i < 100; i++)
		vec_push(&ints, i);
	assert_int_equal(ints.v[99], 99);
	vec_release(&ints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_gather_context),
		cmocka_unit_test(sizes_and_times),
		cmocka_unit_test(nearest_name),
		cmocka_unit_test(files_appear_whole),
		cmocka_unit_test(links_stay_inside_the_root),
		cmocka_unit_test(programs_fail_with_their_words),
		cmocka_unit_test(pool_stops_at_the_first_error),
		cmocka_unit_test(hashes_keep_fields_apart),
		cmocka_unit_test(json_errors_have_a_place),
		cmocka_unit_test(base64),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
