/* Backups: names, manifests from a hostile disk, which ones stay, what status says; S3's answers. */
#include "agentfix.h"
#include "target/agent/backup.h"
#include "target/agent/s3.h"
#include "target/agent/status.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MACHINE                                                                                                        \
	"{\"kiln\": 1, \"name\": \"site\", \"version\": \"1\", \"network\": {\"bridge\": \"kiln0\", \"subnet\": "      \
	"\"10.213.0.0/24\"}, \"containers\": [], \"backup\": {\"options\": {\"target\": \"%s\", \"disk\": \"%s\", "    \
	"\"folder\": \"%s\"}, \"items\": [{\"id\": \"db.keep\", \"service\": \"db\", \"containers\": [\"db\"], "       \
	"\"save\": [\"save\"], \"load\": [\"load\"], \"timeout\": 1000}]}}"

static void names(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "20261129T084512", "20261129T084512Z.partial", "20261329T084512Z",
		"20260230T084512Z", "2026112 T084512Z", "20261129t084512z", "..", "99999999T999999Z",
		"20261129T246060Z", "19691231T235959Z"};
	char out[BACKUP_TIME];
	int64_t t = 0;
	backup_time_format(1795941912, out);
	assert_string_equal(out, "20261129T084512Z");
	assert_true(backup_time_parse(out, &t));
	assert_int_equal(t, 1795941912);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (backup_time_parse(bad[i], &t))
			fail_msg("%s is no time", bad[i]);
}

static void round_trip(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	struct manifest m = {.appliance = (char *)"site",
		.version = (char *)"1",
		.item = (char *)"db.keep",
		.time = 1795941912,
		.size = 12};
	_cleanup_manifest_ struct manifest again = {0};
	memcpy(m.sha256, SHA, HASH_HEX);
	_cleanup_free_ char *text = manifest_text(&m);
	assert_string_equal(text,
		"{\n  \"appliance\": \"site\",\n  \"compression\": \"zstd\",\n  \"item\": \"db.keep\",\n"
		"  \"kiln\": 1,\n  \"sha256\": \"" SHA "\",\n  \"size\": 12,\n"
		"  \"time\": \"20261129T084512Z\",\n  \"version\": \"1\"\n}\n");
	assert_int_equal(manifest_parse(text, strlen(text), "m", &again, &err), 0);
	assert_string_equal(again.item, "db.keep");
	assert_int_equal(again.size, 12);
	assert_int_equal(again.time, m.time);
}

#define GOOD "\"kiln\": 1, \"appliance\": \"a\", \"version\": \"1\", \"item\": \"i\", "
#define REST "\"compression\": \"zstd\", \"size\": 1, \"sha256\": \"" SHA "\""
#define TIME "\"time\": \"20261129T084512Z\", "
static const struct {
	const char *text, *error;
} hostile[] = {
	{"", "m:1:0: '[' or '{' expected near end of file"}, {"[]", "m: expected an object"},
	{"{}", "m: kiln: expected an integer, found nothing"}, {"{\"kiln\": 2}", "m: format 2, this program reads 1"},
	{"{\"kiln\": -1}", "m: kiln: expected an integer of at least 0, found -1"},
	{"{" GOOD TIME "\"more\": 1, " REST "}", "m: unknown key \"more\""},
	{"{" GOOD TIME "\"size\": 2, " REST "}", "m:1:127: duplicate object key near '\"size\"'"},
	{"{\"kiln\": 1, \"appliance\": 7}", "m: appliance: expected a string, found an integer"},
	{"{" GOOD "\"time\": \"../../etc\", " REST "}", "m: time: expected YYYYMMDDTHHMMSSZ"},
	{"{" GOOD TIME "\"compression\": \"xz\", \"size\": 1, \"sha256\": \"" SHA "\"}",
		"m: compression: expected zstd"},
	{"{" GOOD TIME "\"compression\": \"zstd\", \"size\": -1, \"sha256\": \"" SHA "\"}",
		"m: size: expected an integer of at least 0, found -1"},
	{"{" GOOD TIME "\"compression\": \"zstd\", \"size\": 1, \"sha256\": \"E3\"}",
		"m: sha256: expected 64 hexadecimal digits"},
	{"[[[[[[]]]]]]", NULL}, /* too deep */
};

static void hostile_manifests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_manifest_ struct manifest m = {0};
		assert_int_equal(manifest_parse(hostile[i].text, strlen(hostile[i].text), "m", &m, &err), -1);
		assert_int_equal(err.kind, ERR_VERIFY);
		if (hostile[i].error)
			assert_string_equal(err.msg, hostile[i].error);
	}
}

/* Times as days and hours before a Wednesday noon, newest first; which of them stay. */
static const struct {
	struct keep keep;
	const char *hours, *kept;
} retention[] = {
	{{0, 0, 0}, "0 1 2", "K--"}, {{1, 0, 0}, "0", "K"}, {{2, 0, 0}, "0 1 2", "KK-"}, {{9, 0, 0}, "0 1 2", "KKK"},
	{{1, 3, 0}, "0 1 13 14 40 70", "K-K-K-"}, {{1, 9, 0}, "0 24 48", "KKK"},
	{{1, 0, 2}, "0 24 72 96 240 480", "K-K---"}, {{2, 2, 2}, "0 1 2 24 48 72 96 240", "KK-K-K--"},
	{{1, 0, 2}, "0 2400", "KK"}, /* weeks without one do not count */
};

static void which_stay(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(retention); i++) {
		_cleanup_strvec_ struct strvec hours = STRVEC_INIT;
		int64_t times[16];
		bool kept[16];
		char got[17] = "";
		str_split(&hours, retention[i].hours, " ");
		for (size_t k = 0; k < hours.n; k++)
			times[k] = 1796212800 - 3600 * (int64_t)atoi(hours.v[k]); /* 2026-12-02 12:00, a Wednesday */
		keep_mark(times, hours.n, &retention[i].keep, kept);
		for (size_t k = 0; k < hours.n; k++)
			got[k] = kept[k] ? 'K' : '-';
		if (!str_eq(got, retention[i].kept))
			fail_msg("%zu: %s, expected %s", i, got, retention[i].kept);
	}
}

static void machine(struct fix *f, const char *target, const char *disk, const char *folder)
{
	_cleanup_free_ char *text = xasprintf(MACHINE, target, disk, folder);
	fix_machine(f, text);
}

#define ARGS(...)                                                                                                      \
	(int)ARRAY_SIZE(((char *[]){__VA_ARGS__})), (char *[])                                                         \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

static void commands(void **state)
{
	struct fix *f = *state;
	machine(f, "disk", "kiln-unit-test", "");
	assert_fails(cmd_backup(&f->a, ARGS("backup", "x"), &f->err), f, "no backups are made of \"x\"");
	assert_fails(cmd_backup(&f->a, ARGS("backup", "--lost"), &f->err), f,
		"backup [--list] [SERVICE...]: unknown option --lost");
	assert_fails(cmd_restore(&f->a, ARGS("restore"), &f->err), f,
		"restore [--at TIME] [--yes] SERVICE...: say which services");
	assert_fails(cmd_restore(&f->a, ARGS("restore", "--at", "now", "db"), &f->err), f,
		"--at now: expected a time as backup --list shows it");
	assert_fails(cmd_restore(&f->a, ARGS("restore", "--at"), &f->err), f,
		"restore [--at TIME] [--yes] SERVICE...: unknown option --at");
	assert_fails(cmd_backup(&f->a, ARGS("backup", "db"), &f->err), f, "the disk kiln-unit-test is not attached");
	/* which is a problem of the item from then on, and none that holds up a start */
	_cleanup_json_ json_t *status = status_core(&f->a);
	const json_t *problem = json_array_get(json_object_get(status, "problems"), 0);
	assert_string_equal(json_string_value(json_object_get(problem, "what")), "backup db.keep");
	assert_string_equal(
		json_string_value(json_object_get(problem, "why")), "the disk kiln-unit-test is not attached");
	assert_string_equal(json_string_value(json_object_get(status, "state")), "ready");
	_cleanup_free_ char *ready = path_join(f->a.run, "ready.json");
	assert_works(path_write(ready, "{\"ready_ms\": 1}", 15, 0600, &f->err), f);
	_cleanup_json_ json_t *later = status_core(&f->a);
	assert_string_equal(json_string_value(json_object_get(later, "state")), "degraded");
	/* until one succeeds */
	struct manifest m = {.time = 1795941912, .size = 12};
	assert_works(backup_note(&f->a, "db.keep", &m, "the disk x", NULL, &f->err), f);
	f->a.now = 1795941912 + 7200;
	_cleanup_json_ json_t *good = status_core(&f->a);
	assert_string_equal(json_string_value(json_object_get(good, "state")), "ready");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	status_text(good, &text);
	assert_non_null(strstr(text.s, "backups, next unknown\n  db.keep                               2026-11-29 "
				       "08:45:12 UTC, 2.0 h ago, 12 B\n"));
}

static void two_at_once(void **state)
{
	struct fix *f = *state;
	machine(f, "disk", "kiln-unit-test", "");
	_cleanup_fd_ int lock = backup_lock(&f->a, &f->err);
	assert_true(lock >= 0);
	assert_fails(cmd_backup(&f->a, ARGS("backup"), &f->err), f, "another backup or restore is running");
	assert_fails(
		cmd_restore(&f->a, ARGS("restore", "--yes", "db"), &f->err), f, "another backup or restore is running");
}

/* Whoever keeps in memory what it read of a service is started again, once, whatever of it was brought back. */
static void readers(void **state)
{
	struct fix *f = *state;
	fix_machine(f,
		"{\"kiln\": 1, \"network\": {\"bridge\": \"kiln0\", \"subnet\": \"10.213.0.0/24\"}, \"containers\": ["
		"{\"name\": \"reader\", \"service\": \"r\", \"unit\": \"reader.service\", \"address\": 11}, "
		"{\"name\": \"other\", \"service\": \"o\", \"unit\": \"other.service\", \"address\": 12}], "
		"\"backup\": {\"options\": {}, \"items\": ["
		"{\"id\": \"a.keep\", \"service\": \"a\", \"save\": [], \"load\": [], \"restart\": [\"other\", "
		"\"reader\"]}, "
		"{\"id\": \"b.keep\", \"service\": \"b\", \"save\": [], \"load\": [], \"restart\": [\"reader\", "
		"\"gone\"]}, "
		"{\"id\": \"c.keep\", \"service\": \"c\", \"save\": [], \"load\": []}]}}");
	static const struct {
		char *names[3];
		const char *units;
	} cases[] = {{{(char *)"a", (char *)"b"}, "other.service reader.service"}, {{(char *)"b"}, "reader.service"},
		{{(char *)"c"}, ""}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ const struct backup_item **items = NULL;
		_cleanup_strvec_ struct strvec units = STRVEC_INIT;
		size_t n = 0;
		assert_works(backup_items(&f->a, cases[i].names, &items, &n, &f->err), f);
		backup_restarts(&f->a, items, n, &units);
		_cleanup_free_ char *got = strvec_join(&units, " ");
		assert_string_equal(got, cases[i].units);
	}
}

static void options(void **state)
{
	struct fix *f = *state;
	static const struct {
		const char *target, *disk, *folder, *error;
	} bad[] = {
		{"tape", "x", "", "no target \"tape\""},
		{"disk", "", "", "disk \"\" is not the label of a file system"},
		{"disk", "../sda1", "", "disk \"../sda1\" is not the label of a file system"},
		{"disk", "a-label-too-long-", "", "disk \"a-label-too-long-\" is not the label of a file system"},
		{"disk", "x", "../up", "folder \"../up\" is not the name of a directory"},
		{"disk", "x", "a/b", "folder \"a/b\" is not the name of a directory"},
		{"s3", "x", "", "address \"\" is not https://HOST or https://HOST:PORT"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		machine(f, bad[i].target, bad[i].disk, bad[i].folder);
		assert_fails(cmd_backup(&f->a, ARGS("backup", "--list"), &f->err), f, bad[i].error);
		agent_release(&f->a);
	}
	fix_sample(f);
	assert_fails(cmd_backup(&f->a, ARGS("backup"), &f->err), f, "this appliance makes no backups");
}

static void bucket_keys(void **state)
{
	struct fix *f = *state;
	machine(f, "s3", "", "");
	_cleanup_json_ json_t *o = json_pack("{s:s, s:s}", "address", "http://127.0.0.1:9", "bucket", "A");
	assert_null(s3_new(&f->a, o, &f->err));
	assert_string_equal(f->err.msg, "\"A\" is not the name of a bucket");
	json_object_set_new(o, "bucket", json_string("backups"));
	assert_null(s3_new(&f->a, o, &f->err));
	assert_string_equal(f->err.msg, "the machine has no keys for the bucket backups");
	_cleanup_free_ char *path = path_join(f->a.state, "backup-s3");
	assert_works(agent_write(path, "one", 3, 0600, &f->err), f);
	assert_null(s3_new(&f->a, o, &f->err));
	_cleanup_free_ char *want = xasprintf("%s: expected two words, access key and secret key", path);
	assert_string_equal(f->err.msg, want);
	assert_works(agent_write(path, "key\nsecret\n", 11, 0600, &f->err), f);
	struct s3 *s = s3_new(&f->a, o, &f->err);
	assert_non_null(s);
	s3_free(s);
}

static void answers(void **state)
{
	(void)state;
	static const char text[] = "<R><Key>a&amp;b</Key><Key></Key><Keys>c</Keys><Key>cut";
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *at = text;
	assert_true(s3_xml(&at, "Key", &out));
	assert_string_equal(out.s, "a&b");
	assert_true(s3_xml(&at, "Key", &out));
	assert_string_equal(out.s, "");
	assert_false(s3_xml(&at, "Key", &out));
	_cleanup_free_ char *encoded = s3_encode("a/b c~\xc3\xa4");
	assert_string_equal(encoded, "a%2Fb%20c~%C3%A4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(hostile_manifests),
		cmocka_unit_test(which_stay),
		cmocka_unit_test(answers),
		cmocka_unit_test_setup_teardown(commands, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(two_at_once, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(readers, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(options, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(bucket_keys, fix_setup, fix_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
