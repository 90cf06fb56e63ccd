/*
 * Backups in a bucket, against a real server: KILN_S3 is its address, its keys are those of the fixture versitygw, and
 * it has the bucket "backups" (builder/tests/e2e/backup-s3.sh). Without KILN_S3 nothing is tested.
 */
#include "agentfix.h"
#include "target/agent/backup.h"
#include "target/agent/s3.h"

#define FIRST "20261129T084512Z"
#define SECOND "20261129T084513Z"
#define THIRD "20261129T084514Z"
enum { LARGE = 40 << 20 };

static json_t *options(struct fix *f, const char *bucket, const char *secret)
{
	_cleanup_free_ char *path = path_join(f->a.state, "backup-s3"), *keys = xasprintf("fixture %s\n", secret);
	assert_works(agent_write(path, keys, strlen(keys), 0600, &f->err), f);
	return json_pack("{s:s, s:s, s:s, s:s}", "target", "s3", "address", getenv("KILN_S3"), "bucket", bucket,
		"folder", "a+b=c&d");
}

static void put(struct fix *f, struct vault *v, const char *time, size_t size)
{
	struct manifest m = {
		.appliance = (char *)"site", .version = (char *)"1", .item = (char *)"db.keep", .size = size};
	struct hash *h = hash_new();
	char block[4096];
	assert_true(backup_time_parse(time, &m.time));
	assert_works(v->kind->begin(v, "db.keep", time, &f->err), f);
	for (size_t done = 0; done < size; done += sizeof block) {
		size_t n = size - done < sizeof block ? size - done : sizeof block;
		memset(block, (int)(done >> 12), sizeof block);
		hash_add(h, block, n);
		assert_works(v->kind->write(v, block, n, &f->err), f);
	}
	hash_end(h, m.sha256);
	_cleanup_free_ char *text = manifest_text(&m);
	assert_works(v->kind->commit(v, text, &f->err), f);
}

static void has(struct fix *f, struct vault *v, const char *wanted)
{
	_cleanup_backups_ struct backup_list l = {0};
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	assert_works(vault_backups(v, "db.keep", &l, &f->err), f);
	strbuf_adds(&got, "");
	for (size_t i = 0; i < l.n; i++) {
		char time[BACKUP_TIME];
		backup_time_format(l.v[i].time, time);
		strbuf_addf(&got, "%s%s", i ? " " : "", time);
		assert_works(stream_verify(v, &l.v[i], &f->err), f);
	}
	assert_int_equal(l.damaged, 0);
	assert_string_equal(got.s, wanted);
}

static void kept(void **state)
{
	struct fix *f = *state;
	if (!getenv("KILN_S3"))
		skip();
	fix_sample(f);
	_cleanup_json_ json_t *o = options(f, "backups", "fixture-secret");
	_cleanup_vault_ struct vault v = {0}, other = {0};
	assert_works(vault_open(&v, &f->a, o, &f->err), f);
	has(f, &v, "");
	put(f, &v, FIRST, LARGE); /* in parts */
	put(f, &v, SECOND, 0);
	has(f, &v, SECOND " " FIRST);
	/* one that is given up, and one whose writer died: neither is a backup, and nothing of them stays */
	assert_works(v.kind->begin(&v, "db.keep", THIRD, &f->err), f);
	assert_works(v.kind->write(&v, "x", 1, &f->err), f);
	v.kind->abandon(&v);
	assert_works(vault_open(&other, &f->a, o, &f->err), f);
	assert_works(other.kind->begin(&other, "db.keep", THIRD, &f->err), f);
	has(f, &v, SECOND " " FIRST);
	put(f, &v, THIRD, 5000);
	has(f, &v, THIRD " " SECOND " " FIRST);
	assert_works(v.kind->remove(&v, "db.keep", SECOND, &f->err), f);
	assert_works(v.kind->remove(&v, "db.keep", FIRST, &f->err), f);
	assert_works(v.kind->remove(&v, "db.keep", FIRST, &f->err), f);
	has(f, &v, THIRD);
	assert_works(v.kind->remove(&v, "db.keep", THIRD, &f->err), f);
	has(f, &v, "");
}

static void refused(void **state)
{
	struct fix *f = *state;
	if (!getenv("KILN_S3"))
		skip();
	fix_sample(f);
	_cleanup_json_ json_t *o = options(f, "nowhere", "fixture-secret");
	_cleanup_vault_ struct vault v = {0}, w = {0};
	_cleanup_backups_ struct backup_list l = {0};
	_cleanup_free_ char *no_bucket =
		xasprintf("bucket nowhere at %s: GET: answer 404 NoSuchBucket", getenv("KILN_S3"));
	assert_works(vault_open(&v, &f->a, o, &f->err), f);
	assert_int_equal(vault_backups(&v, "db.keep", &l, &f->err), -1);
	assert_true(str_starts(f->err.msg, no_bucket));
	err_release(&f->err);
	_cleanup_json_ json_t *wrong = options(f, "backups", "wrong");
	assert_works(vault_open(&w, &f->a, wrong, &f->err), f);
	assert_int_equal(vault_backups(&w, "db.keep", &l, &f->err), -1);
	assert_non_null(strstr(f->err.msg, "answer 403 SignatureDoesNotMatch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(refused, fix_setup, fix_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
