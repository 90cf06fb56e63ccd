/* What commands left in derived images, in bundles: found in the cache, carried, and put into another one, or refused
 * with these words. */
#include "base/str.h"
#include "oci/upstream.h"
#include "scratch.h"
#include "steps/bundle.h"
#include "tree/sum.h"
#include "upstreamfix.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define EPOCH 1700000000
#define KEY "0123456789abcdef0123456789abcdef"
#define STEP_A "derived-app-a-" KEY
#define STEP_B "derived-app-b-" KEY
#define MEMBER_A "steps/" STEP_A "/layer.tar"
#define MEMBER_B "steps/" STEP_B "/layer.tar"
#define HINT "carry it over again; \"kiln bundle\" makes a new one"

/* One package and two layers: the bundle is lock, derived, the package, a, b. */
static struct cache *full;
static struct lock lock;
static struct carried made;
static struct strbuf tars[2];
static char *whole; /* the bundle's bytes */
static size_t size, at_list, at_package, at_a;

static struct carried_layer layer_of(const char *step, const char *image, const struct strbuf *tar)
{
	struct carried_layer l = {.step = xstrdup(step), .image = xstrdup(image), .there = true, .size = tar->len};

	hash_bytes(tar->s, tar->len, l.hex);
	return l;
}

/* As the step would have left it. */
static int put_step(struct cache *c, const struct carried_layer *l, const struct strbuf *tar, struct err *err)
{
	_cleanup_free_ char *name = path_join("steps", l->step), *to = cache_path(c, name);
	_cleanup_free_ char *file = path_join(to, "layer.tar");
	struct upstream_layer u = {
		.path = file, .digest = l->hex, .size = l->size, .diff_size = l->size, .diff_id = l->hex, .index = to};

	if (path_mkdirs(to, err) < 0 || path_write(file, tar->s, tar->len, 0644, err) < 0)
		return -1;
	return upstream_index(&u, err);
}

static int setup(void **state)
{
	static const char package[] = "a package";
	_cleanup_err_ struct err err = ERR_INIT;
	char hex[HASH_HEX];

	up_lines(&tars[0], "d srv\nf srv/a=left by one command");
	up_end(&tars[0]);
	up_lines(&tars[1], "d srv\nf srv/b=and by another\nf srv/.wh.gone");
	up_end(&tars[1]);
	made.v = xcalloc(2, sizeof *made.v);
	made.n = 2;
	made.v[0] = layer_of(STEP_A, "localhost/kiln/app/a:kiln", &tars[0]);
	made.v[1] = layer_of(STEP_B, "localhost/kiln/app/b:kiln", &tars[1]);
	if (scratch_setup(state) < 0 || cache_open(scratch_path("full"), NULL, &full, &err) < 0 ||
		cache_add_bytes(full, package, strlen(package), hex, &err) < 0)
		return -1;
	_cleanup_free_ char *text = xasprintf(
		"{\"arch\":\"amd64\",\"epoch\":1763900000,\"kiln\":1,\"packages\":{\"aa:all\":{\"installed\":1,"
		"\"path\":\"a.deb\",\"sha256\":\"%s\",\"size\":%zu,\"source\":0,\"version\":\"1\"}},"
		"\"request\":\"%064d\",\"sets\":{\"base\":[\"aa:all\"]},\"sources\":[{\"components\":[\"main\"],"
		"\"release\":\"%064d\",\"suite\":\"trixie\",\"uri\":\"file:/m\"}],\"suite\":\"trixie\"}",
		hex, strlen(package), 0, 0);
	if (lock_parse(text, strlen(text), "lock", &lock, &err) < 0 || put_step(full, &made.v[0], &tars[0], &err) < 0 ||
		put_step(full, &made.v[1], &tars[1], &err) < 0 ||
		bundle_write(&lock, &made, full, scratch_path("good"), &err) < 0 ||
		!(whole = path_read(scratch_path("good"), 1 << 20, &size, &err))) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	_cleanup_free_ char *canonical = lock_text(&lock), *list = carried_text(&made);
	at_list = 512 + strlen(canonical) + tar_padding(strlen(canonical));
	at_package = at_list + 512 + strlen(list) + tar_padding(strlen(list));
	at_a = at_package + 2 * 512;
	return size == at_a + 2 * 512 + tars[0].len + tars[1].len + TAR_END ? 0 : -1;
}

static int teardown(void **state)
{
	cache_close(full);
	carried_release(&made);
	lock_release(&lock);
	strbuf_release(&tars[0]);
	strbuf_release(&tars[1]);
	free(whole);
	return scratch_teardown(state);
}

/* Sorted, by spaces. */
static const char *names_in(const char *path)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	DIR *d = opendir(path);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			strvec_add(&names, e->d_name);
	closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		strbuf_addf(&all, "%s%s", i ? " " : "", names.v[i]);
	return arena_strdup(&scratch_arena, strbuf_cstr(&all));
}

/* Wants what ARG (a text) names, all with NULL. */
static int want(void *arg, const struct lock *l, struct carried *m, struct err *err)
{
	(void)l;
	(void)err;
	for (size_t i = 0; i < m->n; i++)
		m->v[i].wanted = !arg || strstr(arg, m->v[i].step);
	return 0;
}

/* Read these bytes as a bundle into an empty cache, which stays as "empty". */
static int try(const void *data, size_t n, const char *wanted, struct carried *ret, struct err *err)
{
	struct bundle_judge judge = {.judge = want, .arg = (void *)wanted};
	_cleanup_lock_ struct lock got = {0};
	struct cache *c = NULL;
	_cleanup_err_ struct err ignored = ERR_INIT;

	assert_int_equal(path_remove(scratch_path("empty"), &ignored), 0);
	assert_int_equal(path_write(scratch_path("try"), data, n, 0644, err), 0);
	assert_int_equal(cache_open(scratch_path("empty"), NULL, &c, err), 0);
	int r = bundle_read(scratch_path("try"), c, &judge, &got, ret, err);
	assert_string_equal(names_in(scratch_path("empty/tmp")), "");
	cache_close(c);
	return r;
}

static void refused(const void *data, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void refused(const void *data, size_t n, const char *fmt, ...)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct carried got = {0};
	va_list ap;

	strbuf_addf(&text, "%s: ", scratch_path("try"));
	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	assert_int_equal(try(data, n, NULL, &got, &err), -1);
	assert_string_equal(err.msg, text.s);
	assert_string_equal(err.hint, HINT);
	assert_int_equal(err.kind, ERR_VERIFY);
	assert_int_equal(got.n, 0);
	assert_string_equal(names_in(scratch_path("empty/sha256")), "");
	assert_string_equal(names_in(scratch_path("empty/steps")), "");
}

static void holds(const char *step, const struct strbuf *tar)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *to = scratch_path(arena_printf(&scratch_arena, "empty/steps/%s", step));
	enum sum_state state;
	size_t len;
	_cleanup_free_ char *bytes = path_read(arena_printf(&scratch_arena, "%s/layer.tar", to), 1 << 20, &len, &err);

	assert_non_null(bytes);
	assert_int_equal(len, tar->len);
	assert_memory_equal(bytes, tar->s, len);
	assert_string_equal(names_in(to), "layer.json layer.tar sum tar-split.gz");
	assert_int_equal(sum_check(to, &state, &err), 0);
	assert_int_equal(state, SUM_HOLDS);
	for (const char *const *f = (const char *const[]){"layer.json", "tar-split.gz", NULL}; *f; f++) {
		size_t n;
		_cleanup_free_ char *here =
			path_read(arena_printf(&scratch_arena, "%s/%s", to, *f), 1 << 20, &len, &err);
		_cleanup_free_ char *there = path_read(
			scratch_path(arena_printf(&scratch_arena, "full/steps/%s/%s", step, *f)), 1 << 20, &n, &err);
		assert_int_equal(len, n);
		assert_memory_equal(here, there, n);
	}
}

static void layers_get_their_places(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct carried got = {0};
	size_t len;

	(void)state;
	if (try(whole, size, NULL, &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.v[0].step, STEP_A);
	assert_string_equal(names_in(scratch_path("empty/steps")), STEP_A " " STEP_B);
	holds(STEP_A, &tars[0]);
	holds(STEP_B, &tars[1]);
	carried_release(&got);
	/* Only those that are asked for. */
	assert_int_equal(try(whole, size, STEP_B, &got, &err), 0);
	assert_string_equal(names_in(scratch_path("empty/steps")), STEP_B);
	carried_release(&got);
	assert_int_equal(try(whole, size, "", &got, &err), 0);
	assert_string_equal(names_in(scratch_path("empty/steps")), "");
	carried_release(&got);
	/* The same layers, the same bytes. */
	assert_int_equal(bundle_write(&lock, &made, full, scratch_path("second"), &err), 0);
	_cleanup_free_ char *second = path_read(scratch_path("second"), 1 << 20, &len, &err);
	assert_int_equal(len, size);
	assert_memory_equal(second, whole, size);
}

/* What is not there is not in it, and without any the bundle is one as kilns made them that carried none. */
static void a_bundle_without_layers(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	struct carried got = {0};
	size_t len, n;

	(void)state;
	made.v[0].there = false;
	assert_int_equal(bundle_write(&lock, &made, full, scratch_path("one"), &err), 0);
	made.v[1].there = false;
	assert_int_equal(bundle_write(&lock, &made, full, scratch_path("none"), &err), 0);
	made.v[0].there = made.v[1].there = true;
	assert_int_equal(bundle_write(&lock, NULL, full, scratch_path("old"), &err), 0);
	_cleanup_free_ char *one = path_read(scratch_path("one"), 1 << 20, &n, &err);
	assert_int_equal(try(one, n, NULL, &got, &err), 0);
	assert_int_equal(got.n, 1);
	assert_string_equal(names_in(scratch_path("empty/steps")), STEP_B);
	carried_release(&got);
	_cleanup_free_ char *none = path_read(scratch_path("none"), 1 << 20, &len, &err);
	_cleanup_free_ char *old = path_read(scratch_path("old"), 1 << 20, &n, &err);
	assert_int_equal(len, n);
	assert_memory_equal(none, old, n);
	assert_int_equal(try(old, n, NULL, &got, &err), 0);
	assert_int_equal(got.n, 0);
	assert_string_equal(names_in(scratch_path("empty/steps")), "");
}

/* The list's own bytes are not without meaning either: whichever is another, something does not fit. */
static void every_byte_and_every_cut(void **state)
{
	(void)state;
	for (size_t at = at_list; at < size; at += 29) {
		_cleanup_err_ struct err err = ERR_INIT;
		struct carried got = {0};
		whole[at] ^= 1;
		int r = try(whole, size, NULL, &got, &err);
		whole[at] ^= 1;
		assert_int_equal(r, -1);
		assert_int_equal(err.kind, ERR_VERIFY);
		assert_string_equal(names_in(scratch_path("empty/steps")), "");
		assert_string_equal(names_in(scratch_path("empty/sha256")), "");
	}
	_cleanup_free_ char *package = xasprintf("sha256/%s (package aa 1)", lock.packages.v[0].sha256);
	for (size_t n = at_list + 1; n < size; n += 173) {
		const char *in = n < at_list + 512		? package /* it is not known yet what it is */
				 : n < at_package		? "its list of derived layers"
				 : n < at_a			? package
				 : n < at_a + 512 + tars[0].len ? MEMBER_A " (a derived layer)"
				 : n < size - TAR_END		? MEMBER_B " (a derived layer)"
								: "its end";
		refused(whole, n, "truncated: it ends after %zu bytes, in %s", n, in);
	}
}

#define HEX64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
static void end_refused(struct strbuf *b, const char *text)
{
	up_end(b);
	refused(b->s, b->len, "%s", text);
	strbuf_release(b);
}

/* More of lists in carried_test.c. */
static void lists(void **state)
{
	static const char empty[] = "{}\n";
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_add(&b, whole, at_list);
	up_member(&b, &(struct tar_member){.name = "derived", .type = '0', .mode = 0644, .size = 3}, empty);
	end_refused(&b, "its list of derived layers is not as kiln writes it");
	strbuf_add(&b, whole, at_list);
	tar_header(&b, &(struct tar_member){.name = "derived", .type = '0', .mode = 0644, .size = CARRIED_MAX + 1});
	end_refused(&b, "its list of derived layers has 1048577 bytes, more than it may have");
	strbuf_add(&b, whole, at_list);
	_cleanup_free_ char *canary = outside_text(CANARY);
	tar_header(&b, &(struct tar_member){.name = "derived", .type = '2', .link = canary});
	end_refused(&b, "its list of derived layers: its header is not as kiln writes it");
}

static void put(struct strbuf *b, const char *name, const struct strbuf *content)
{
	up_member(b, &(struct tar_member){.name = name, .type = '0', .mode = 0644, .size = content->len}, content->s);
}

static void members(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_add(&b, whole, at_a);
	end_refused(&b, MEMBER_A " (a derived layer) is missing");

	strbuf_add(&b, whole, at_a);
	put(&b, MEMBER_B, &tars[1]);
	end_refused(&b, MEMBER_A " (a derived layer) is missing, or not in its place");

	strbuf_add(&b, whole, at_a);
	put(&b, MEMBER_A, &tars[0]);
	put(&b, MEMBER_A, &tars[0]);
	end_refused(&b, "member \"" MEMBER_A "\" stands in it twice");

	strbuf_add(&b, whole, at_a);
	put(&b, "steps/" STEP_A "/layer.json", &tars[0]);
	end_refused(&b, "member \"steps/" STEP_A "/layer.json\": its list of derived layers does not name it");

	strbuf_add(&b, whole, at_a);
	put(&b, "derived", &tars[0]);
	end_refused(&b, "member \"derived\" stands in it twice, or not in its place");

	strbuf_add(&b, whole, size - TAR_END);
	put(&b, "sha256/" HEX64, &tars[0]);
	end_refused(&b, "member \"sha256/" HEX64 "\": the lock does not name it");

	strbuf_add(&b, whole, at_a);
	put(&b, MEMBER_A, &tars[1]);
	end_refused(&b, arena_printf(&scratch_arena,
				MEMBER_A " (a derived layer): %zu bytes, its list of derived layers says %zu",
				tars[1].len, tars[0].len));

	_cleanup_strbuf_ struct strbuf other = STRBUF_INIT;
	char hex[HASH_HEX];
	strbuf_add(&other, tars[0].s, tars[0].len);
	other.s[0] = 'S';
	hash_bytes(other.s, other.len, hex);
	strbuf_add(&b, whole, at_a);
	put(&b, MEMBER_A, &other);
	end_refused(&b, arena_printf(&scratch_arena, MEMBER_A " (a derived layer): its SHA-256 is %s", hex));
}

/* The digests are right, but it is no layer, or one that reaches out: the good one beside it is not taken either. */
static void what_is_no_layer(void **state)
{
	static const struct {
		const char *lines, *text;
	} bad[] = {
		{"f ../../canary=out", "member \"../../canary\": its path has \"..\""},
		{"l up -> " CANARIES "\nf up/canary=x",
			"member \"up/canary\": a directory above it is a link or a file of the same layer"},
		{"b devices/sda",
			"member \"devices/sda\": it is the block device 8:1, which no container has by itself"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
		struct strbuf b = STRBUF_INIT;
		up_lines(&tar, bad[i].lines);
		up_end(&tar);
		struct carried two = {.v = (struct carried_layer[]){made.v[0], layer_of(STEP_B, "", &tar)}, .n = 2};
		_cleanup_free_ char *list = carried_text(&two);
		strbuf_add(&b, whole, at_list);
		up_member(&b, &(struct tar_member){.name = "derived", .type = '0', .mode = 0644, .size = strlen(list)},
			list);
		strbuf_add(&b, whole + at_package, at_a - at_package);
		put(&b, MEMBER_A, &tars[0]);
		put(&b, MEMBER_B, &tar);
		end_refused(
			&b, arena_printf(&scratch_arena, STEP_B ": layer sha256:%s: %s", two.v[1].hex, bad[i].text));
		free(two.v[1].step);
		free(two.v[1].image);
	}
}

/* A layer that rotted in the cache is in no bundle. */
static void what_rotted_is_not_carried(void **state)
{
	const char *tar = scratch_path("full/" MEMBER_B);
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf other = STRBUF_INIT;
	char hex[HASH_HEX];

	(void)state;
	strbuf_add(&other, tars[1].s, tars[1].len);
	other.s[700] ^= 1;
	hash_bytes(other.s, other.len, hex);
	assert_int_equal(path_write(tar, other.s, other.len, 0644, &err), 0);
	assert_int_equal(bundle_write(&lock, &made, full, scratch_path("never"), &err), -1);
	assert_string_equal(
		err.msg, arena_printf(&scratch_arena, "a derived layer: %s is damaged: its SHA-256 is %s", tar, hex));
	assert_string_equal(err.hint, "\"kiln cache verify\" drops it, the next build makes it again");
	assert_false(path_exists(scratch_path("never")));
	assert_int_equal(path_write(tar, tars[1].s, tars[1].len, 0644, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_get_their_places),
		cmocka_unit_test(a_bundle_without_layers),
		cmocka_unit_test(every_byte_and_every_cut),
		cmocka_unit_test(lists),
		cmocka_unit_test(members),
		cmocka_unit_test(what_is_no_layer),
		cmocka_unit_test(what_rotted_is_not_carried),
	};
	return cmocka_run_group_tests_name("derived layers in bundles", tests, setup, teardown);
}
