/* Bundles: what is written is read back; every other file is refused with these words, and nothing of it is left. */
#include "base/str.h"
#include "scratch.h"
#include "steps/bundle.h"
#include "tree/tar.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HINT "carry it over again; \"kiln bundle\" makes a new one"

/* Two packages; the bundle is lock, first, second, in the order of their digests. */
static const char *const texts[] = {"the first package", "another one, which is longer"};
static struct cache *full;
static struct lock lock;
static struct bundle_list blobs;
static const char *contents[2];
static char *whole; /* the bundle's bytes */
static size_t size, lock_blocks;

static char *lock_of(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return xasprintf("{\"arch\":\"amd64\",\"epoch\":1763900000,\"kiln\":1,\"packages\":{"
			 "\"aa:all\":{\"installed\":1,\"path\":\"a.deb\",\"sha256\":\"%s\",\"size\":%zu,\"source\":0,"
			 "\"version\":\"1\"},"
			 "\"bb:all\":{\"installed\":1,\"path\":\"b.deb\",\"sha256\":\"%s\",\"size\":%zu,\"source\":0,"
			 "\"version\":\"2\"}},"
			 "\"request\":\"" HEX_C "\",\"sets\":{\"base\":[\"aa:all\",\"bb:all\"]},\"sources\":[{"
			 "\"components\":[\"main\"],\"release\":\"" HEX_C
			 "\",\"suite\":\"trixie\",\"uri\":\"file:/m\"}],\"suite\":\"trixie\"}",
		a, a_size, b, b_size);
}

static int setup(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char hex[2][HASH_HEX];

	if (scratch_setup(state) < 0 || cache_open(scratch_path("full"), NULL, &full, &err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (cache_add_bytes(full, texts[i], strlen(texts[i]), hex[i], &err) < 0)
			return -1;
	_cleanup_free_ char *text = lock_of(hex[0], strlen(texts[0]), hex[1], strlen(texts[1]));
	if (lock_parse(text, strlen(text), "lock", &lock, &err) < 0 || bundle_list(&lock, NULL, &blobs, &err) < 0 ||
		bundle_write(&lock, NULL, full, scratch_path("good"), &err) < 0 ||
		!(whole = path_read(scratch_path("good"), 1 << 20, &size, &err))) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	for (size_t i = 0; i < 2; i++)
		contents[i] = texts[strcmp(blobs.v[i].hex, hex[0]) == 0 ? 0 : 1];
	lock_blocks = size - 1024 - 4 * 512; /* two members of a header and one block each */
	return 0;
}

static int teardown(void **state)
{
	cache_close(full);
	bundle_list_release(&blobs);
	lock_release(&lock);
	free(whole);
	return scratch_teardown(state);
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* Read these bytes as a bundle, into an empty cache, and without one. */
static int try(const void *data, size_t n, size_t *ret_taken, struct err *err)
{
	_cleanup_err_ struct err alone = ERR_INIT;
	_cleanup_lock_ struct lock got = {0}, again = {0};
	_cleanup_carried_ struct carried layers = {0}, same = {0};
	struct cache *c = NULL;

	assert_int_equal(path_write(scratch_path("try"), data, n, 0644, err), 0);
	assert_int_equal(cache_open(scratch_path("empty"), NULL, &c, err), 0);
	int r = bundle_read(scratch_path("try"), c, NULL, &got, &layers, err);
	assert_int_equal(bundle_read(scratch_path("try"), NULL, NULL, &again, &same, &alone), r);
	if (r < 0)
		assert_string_equal(alone.msg, err->msg);
	*ret_taken = entries(scratch_path("empty/sha256"));
	assert_int_equal(entries(scratch_path("empty/tmp")), 0);
	cache_close(c);
	assert_int_equal(path_remove(scratch_path("empty"), &alone), 0);
	return r;
}

static void refused(const void *data, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void refused(const void *data, size_t n, const char *fmt, ...)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf want = STRBUF_INIT;
	size_t taken;
	va_list ap;

	strbuf_addf(&want, "%s: ", scratch_path("try"));
	va_start(ap, fmt);
	strbuf_vaddf(&want, fmt, ap);
	va_end(ap);
	assert_int_equal(try(data, n, &taken, &err), -1);
	assert_string_equal(err.msg, want.s);
	assert_string_equal(err.hint, HINT);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_int_equal(taken, 0);
}

/* A bundle made by hand: this lock, then members. */
struct made {
	struct strbuf b;
};

static void put(struct made *m, const char *name, const char *text, uint64_t claimed)
{
	static const char padding[512];

	tar_header(&m->b, &(struct tar_member){.name = name, .type = '0', .mode = 0644, .size = claimed});
	strbuf_adds(&m->b, text);
	strbuf_add(&m->b, padding, tar_padding(strlen(text)));
}

static struct made begun(void)
{
	struct made m = {0};

	strbuf_add(&m.b, whole, lock_blocks);
	return m;
}

static void end_refused(struct made *m, const char *text)
{
	static const char zeros[TAR_END];

	strbuf_add(&m->b, zeros, sizeof zeros);
	refused(m->b.s, m->b.len, "%s", text);
	strbuf_release(&m->b);
}

static const char *where(size_t i)
{
	return arena_printf(&scratch_arena, "%s (%s)", blobs.v[i].name, blobs.v[i].what);
}

static void test_good(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	size_t taken, len;

	(void)state;
	assert_int_equal(try(whole, size, &taken, &err), 0);
	assert_int_equal(taken, 2);
	assert_int_equal(bundle_write(&lock, NULL, full, scratch_path("second"), &err), 0);
	_cleanup_free_ char *second = path_read(scratch_path("second"), 1 << 20, &len, &err);
	assert_int_equal(len, size);
	assert_memory_equal(second, whole, size);
}

static void test_every_cut(void **state)
{
	(void)state;
	refused("", 0, "no bundle: it does not begin with a lock");
	for (size_t n = 512; n < size; n += n < size - 2048 ? 97 : 31) {
		const char *in = n < lock_blocks	      ? "its lock"
				 : n < lock_blocks + 1024     ? where(0)
				 : n < lock_blocks + 2 * 1024 ? where(1)
							      : "its end";
		refused(whole, n, "truncated: it ends after %zu bytes, in %s", n, in);
	}
}

/* No byte but the lock's own is without meaning: whichever is another, the bundle is refused and nothing is taken. */
static void test_every_byte(void **state)
{
	(void)state;
	for (size_t at = 0; at < size; at += 13) {
		_cleanup_err_ struct err err = ERR_INIT;
		size_t taken;
		if (at >= 512 && at < lock_blocks)
			continue; /* another lock, or none */
		whole[at] ^= 1;
		assert_int_equal(try(whole, size, &taken, &err), -1);
		assert_int_equal(taken, 0);
		whole[at] ^= 1;
	}
}

static void test_members(void **state)
{
	struct made m = begun();

	(void)state;
	put(&m, blobs.v[0].name, contents[0], strlen(contents[0]));
	end_refused(&m, arena_printf(&scratch_arena, "%s is missing", where(1)));

	m = begun();
	put(&m, blobs.v[1].name, contents[1], strlen(contents[1]));
	put(&m, blobs.v[0].name, contents[0], strlen(contents[0]));
	end_refused(&m, arena_printf(&scratch_arena, "%s is missing, or not in its place", where(0)));

	m = begun();
	for (int i = 0; i < 2; i++)
		put(&m, blobs.v[0].name, contents[0], strlen(contents[0]));
	end_refused(&m, arena_printf(&scratch_arena, "member \"%s\" stands in it twice", blobs.v[0].name));

	m = begun();
	put(&m, "lock", "x", 1);
	end_refused(&m, "member \"lock\" stands in it twice");

	m = begun();
	put(&m, "../../canary", "x", 1);
	end_refused(&m, "member \"../../canary\": the lock does not name it");

	_cleanup_free_ char *canary = outside_text(CANARY);
	m = begun();
	put(&m, canary, "x", 1);
	end_refused(&m, arena_printf(&scratch_arena, "member \"%s\": the lock does not name it", canary));

	m = begun();
	put(&m, "sha256/" HEX_C, "x", 1);
	end_refused(&m, "member \"sha256/" HEX_C "\": the lock does not name it");

	m = begun();
	put(&m, "a\033[2Jb", "x", 1);
	end_refused(&m, "member \"ab\": the lock does not name it");

	m = begun();
	strbuf_add(&m.b, whole + lock_blocks, size - 1024 - lock_blocks);
	put(&m, "more", "x", 1);
	end_refused(&m, "member \"more\": the lock does not name it");
}

static void test_contents(void **state)
{
	struct made m = begun();
	char hex[HASH_HEX];
	_cleanup_free_ char *other = xstrdup(contents[0]);

	(void)state;
	other[3] ^= 1;
	hash_bytes(other, strlen(other), hex);
	put(&m, blobs.v[0].name, other, strlen(other));
	end_refused(&m, arena_printf(&scratch_arena, "%s: its SHA-256 is %s", where(0), hex));

	m = begun();
	put(&m, blobs.v[0].name, contents[0], strlen(contents[0]) + 1);
	end_refused(&m, arena_printf(&scratch_arena, "%s: %zu bytes, the lock says %zu", where(0),
				strlen(contents[0]) + 1, strlen(contents[0])));

	m = begun();
	_cleanup_free_ char *canary = outside_text(CANARY);
	tar_header(&m.b, &(struct tar_member){.name = blobs.v[0].name, .type = '2', .link = canary});
	end_refused(&m, arena_printf(&scratch_arena, "%s: 0 bytes, the lock says %zu", where(0), strlen(contents[0])));

	m = begun();
	tar_header(&m.b,
		&(struct tar_member){
			.name = blobs.v[0].name, .type = '0', .mode = 0644, .uid = 1000, .size = strlen(contents[0])});
	end_refused(&m, arena_printf(&scratch_arena, "%s: its header is not as kiln writes it", where(0)));

	m = begun();
	strbuf_add(&m.b, whole + lock_blocks, 1023);
	strbuf_addc(&m.b, 'x');
	end_refused(&m, arena_printf(&scratch_arena, "%s: what fills its last block is not zeros", where(0)));

	_cleanup_strbuf_ struct strbuf more = STRBUF_INIT;
	strbuf_add(&more, whole, size);
	strbuf_addc(&more, '\0');
	refused(more.s, more.len, "something follows its end");
}

static void lock_refused(const char *text, const char *message)
{
	struct made m = {0};

	put(&m, "lock", text, strlen(text));
	end_refused(&m, message);
}

static void test_locks(void **state)
{
	struct made m = {0};
	const char *hex = blobs.v[0].hex;
	_cleanup_free_ char *plain = lock_of(hex, 1, blobs.v[1].hex, 2), *two = lock_of(hex, 1, hex, 2);
	_cleanup_lock_ struct lock l = {0};
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	refused(contents[0], strlen(contents[0]), "no bundle: it does not begin with a lock");
	put(&m, "sha256/" HEX_C, "x", 1);
	end_refused(&m, "no bundle: it does not begin with a lock");
	tar_header(&m.b, &(struct tar_member){.name = "lock", .type = '0', .mode = 0644, .size = LOCK_MAX + 1});
	end_refused(&m, "its lock has 67108865 bytes, more than a lock may have");
	lock_refused("{", "lock:1:1: string or '}' expected near end of file");
	lock_refused("{\"kiln\": 2}", "lock: a lock of format 2, this kiln knows format 1");
	lock_refused(plain, "its lock is not as kiln writes it");
	assert_int_equal(lock_parse(two, strlen(two), "lock", &l, &err), 0);
	_cleanup_free_ char *canonical = lock_text(&l), *message = xasprintf("the lock gives sha256:%s two sizes", hex);
	lock_refused(canonical, message);
}

static int no(void *arg, const struct lock *l, struct carried *m, struct err *err)
{
	assert_int_equal(l->packages.n, 2);
	assert_int_equal(m->n, 0);
	return err_set(err, ERR_CONFIG, "%s", (const char *)arg);
}

static void test_judge(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_lock_ struct lock got = {0};
	_cleanup_carried_ struct carried layers = {0};
	_cleanup_free_ char *want = xasprintf("%s: not that one", scratch_path("good"));
	struct bundle_judge judge = {.judge = no, .arg = "not that one"};

	(void)state;
	assert_int_equal(bundle_read(scratch_path("good"), NULL, &judge, &got, &layers, &err), -1);
	assert_string_equal(err.msg, want);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_null(err.hint);
	_cleanup_free_ char *none = xasprintf("open %s: No such file or directory", scratch_path("none"));
	assert_int_equal(bundle_read(scratch_path("none"), NULL, NULL, &got, &layers, &err), -1);
	assert_string_equal(err.msg, none);
}

/* What is not in the cache, or not what it should be, is in no bundle. */
static void test_write_refused(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_cache_ struct cache *c = NULL;
	_cleanup_free_ char *want =
		xasprintf("%s: blob sha256:%s is not in the cache", blobs.v[0].what, blobs.v[0].hex);
	size_t before;

	(void)state;
	assert_int_equal(cache_open(scratch_path("poor"), NULL, &c, &err), 0);
	before = entries(dir);
	assert_int_equal(bundle_write(&lock, NULL, c, scratch_path("never"), &err), -1);
	assert_string_equal(err.msg, want);
	_cleanup_free_ char *rotten = cache_blob_path(c, blobs.v[0].hex);
	_cleanup_free_ char *text = xstrdup(contents[0]);
	text[0] ^= 1;
	assert_int_equal(path_write(rotten, text, strlen(text), 0644, &err), 0);
	assert_int_equal(bundle_write(&lock, NULL, c, scratch_path("never"), &err), -1);
	assert_string_equal(err.msg, want);
	assert_int_equal(entries(dir), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_write_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
