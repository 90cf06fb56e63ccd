/* Upstream images in the store: all that a layer may do, in the form that overlayfs wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "stream.h"
#include "upstreamfix.h"

#define EPOCH 1700000000

static const unsigned char caps[20] = {1, 0, 0, 2, 0, 4};

static void base_layer(struct strbuf *t)
{
	static const struct xattr note[] = {{(char *)"user.note", (char *)"a=b\nc", 5}},
				  cap[] = {{(char *)"security.capability", (void *)caps, sizeof caps},
					  {(char *)"trusted.overlay.opaque", (char *)"y", 1},
					  {(char *)"user.overlay.opaque", (char *)"y", 1}};
	up_lines(t, "d ./\nd etc\nf etc/gone=x\nf etc/kept=x\nd srv\nf srv/a=x\nd var/lib\nf var/lib/x=x\nd opt\nf "
		    "opt/o=x\n"
		    "l lib -> usr/lib\nf usr/lib/so=so\nf same=x");
	up_member(t, &(struct tar_member){.name = "home", .type = '5', .mode = 02750, .uid = 7, .gid = 8, .mtime = 5},
		"");
	up_member(t,
		&(struct tar_member){
			.name = "usr/bin/cap", .type = '0', .mode = 04755, .size = 3, .xattrs = cap, .n_xattrs = 3},
		"cap");
	up_member(t,
		&(struct tar_member){.name = "odd\xff\xfe",
			.type = '0',
			.mode = 0600,
			.uid = 3000000,
			.gid = 4294967294U,
			.mtime = 9000000000ULL,
			.size = 1,
			.xattrs = note,
			.n_xattrs = 1},
		"o");
	up_end(t);
}

static void top_layer(struct strbuf *t)
{
	/* Hidden: there, not there, within what is opaque, before and after what replaces it; a link before its target;
	 * directories without a member, over a directory, a link and nothing. */
	up_lines(t, "f etc/.wh.gone\nf etc/.wh.never\nf never/.wh.there\nf srv/new=n\nf srv/.wh.a\nf srv/.wh..wh..opq\n"
		    "f .wh.var\nf var/new=v\nf opt=file\nf .wh.same\nf same=again\nf home/user/f=f\nf lib/mine=m\n"
		    "h early -> late\nf late=late\nh usr/bin/two -> usr/bin/one\nf usr/bin/one=1\np fifo\n"
		    "f .wh..wh.aufs");
	up_member(t, &(struct tar_member){.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3}, "");
	up_end(t);
}

/* The root hides everything below; what it does not have itself becomes a whiteout. */
static void bare_layer(struct strbuf *t)
{
	up_lines(t, "d etc\nf etc/only=x\nf .wh..wh..opq\nf .wh.same");
	up_end(t);
}

struct layers {
	struct up_layer base, top, bare, base_zst;
};

static int index_one(size_t i, void *arg, struct err *err)
{
	struct layers *l = arg;
	const struct up_layer *all[] = {&l->base, &l->top, &l->bare, &l->base_zst};
	return upstream_index(&all[i]->l, err);
}

/* base in two gzip members, and again as zstd with skippable frames around it; top as zstd, bare plain. */
static void make_layers(struct layers *l, unsigned threads)
{
	static const char skippable[] = "\x5a\x2a\x4d\x18\x04\0\0\0skip";
	_cleanup_strbuf_ struct strbuf base = STRBUF_INIT, top = STRBUF_INIT, bare = STRBUF_INIT, blob = STRBUF_INIT;
	struct err e = ERR_INIT;
	base_layer(&base);
	top_layer(&top);
	bare_layer(&bare);
	up_pack(&blob, base.s, 1000, ARCHIVE_FILTER_GZIP);
	up_pack(&blob, base.s + 1000, base.len - 1000, ARCHIVE_FILTER_GZIP);
	up_blob(&l->base, &blob, &base);
	strbuf_reset(&blob);
	strbuf_add(&blob, skippable, sizeof skippable - 1);
	up_pack(&blob, base.s, base.len, ARCHIVE_FILTER_ZSTD);
	strbuf_add(&blob, skippable, sizeof skippable - 1);
	up_blob(&l->base_zst, &blob, &base);
	strbuf_reset(&blob);
	up_pack(&blob, top.s, top.len, ARCHIVE_FILTER_ZSTD);
	up_blob(&l->top, &blob, &top);
	up_blob(&l->bare, &bare, &bare);
	if (pool_map(4, threads, index_one, l, &e))
		fail_msg("%s", e.msg);
}

static void release_layers(struct layers *l)
{
	up_layer_release(&l->base);
	up_layer_release(&l->top);
	up_layer_release(&l->bare);
	up_layer_release(&l->base_zst);
}

static struct store *plan;
static int write_plan(struct tar_out *t, struct err *err)
{
	return store_write(plan, t, EPOCH, err);
}

/* Files that change with the compressors' versions are told by their digests in the names; those are masked. */
static char *masked(const char *text, const struct layers *l, const struct up_image *images, size_t n)
{
	_cleanup_strvec_ struct strvec from = STRVEC_INIT;
	strvec_add(&from, l->base.digest);
	strvec_add(&from, l->base_zst.digest);
	strvec_add(&from, l->top.digest);
	for (size_t i = 0; i < n; i++) {
		strvec_add(&from, images[i].digests[1]);
		strvec_add(&from, images[i].digests[2]);
	}
	struct strbuf out = STRBUF_INIT;
	while (*text) {
		size_t k = 0;
		while (k < from.n && !str_starts(text, from.v[k]))
			k++;
		if (k == from.n) {
			strbuf_addc(&out, *text++);
			continue;
		}
		strbuf_addf(&out, "DIGEST-%zu", k);
		text += HASH_HEX - 1;
	}
	return strbuf_steal(&out);
}

/* Only the files of the layers: the documents hold digests of compressed bytes. */
static void expect_files(const char *text, const char *golden)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *stop = strstr(text, "containers/overlay-layers/layers.json");
	_cleanup_free_ char *cut = xstrndup(text, stop ? (size_t)(stop - text) : strlen(text));
	bool skip = false;
	for (char *line = cut, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		skip = *line == ' ' ? skip : strstr(line, "/overlay/") == NULL;
		if (!skip)
			strbuf_addf(&out, "%s\n", line);
	}
	stream_expect(out.s, golden);
}

static char *write_store(const struct upstream_image *images, size_t n)
{
	struct err e = ERR_INIT;
	plan = store_plan(&(struct store_spec){.upstream = images, .n_upstream = n}, &e);
	if (!plan)
		fail_msg("%s", e.msg);
	_cleanup_free_ char *file = path_join(up_dir, "stream.tar");
	struct stream_job j = {.write = write_plan, .file = file};
	if (ns_call(stream_in_namespace, &j, &e))
		fail_msg("%s", e.msg);
	char *text = stream_list(file);
	store_free(plan);
	return text;
}

#define HOST "registry.example/team/"
static void whole_store(void **state)
{
	(void)state;
	struct layers l;
	make_layers(&l, 2);
	struct up_layer *const two[] = {&l.base, &l.top}, *const twin[] = {&l.base_zst, &l.top},
			       *const bare[] = {&l.base, &l.top, &l.bare};
	struct up_image u[3];
	up_image(&u[0], HOST "app:3", two, 2, "\"created\":\"2026-01-02T03:04:05.678901234+01:00\",");
	up_image(&u[1], HOST "twin:3", twin, 2, "\"created\":\"2026-01-02T03:04:05.678901234+01:00\",");
	up_image(&u[2], HOST "bare@sha256:00", bare, 3, "");
	const struct upstream_image images[] = {u[0].i, u[1].i, u[2].i};
	_cleanup_free_ char *text = write_store(images, 3);
	expect_files(text, "upstream.txt");

	/* A record for the twins, with both names and all four manifests; every digest in it leads to bytes. */
	_cleanup_free_ char *plain = masked(text, &l, u, 3);
	assert_non_null(strstr(plain, "\"names\":[\"" HOST "app:3\",\"" HOST "twin:3\"]"));
	assert_non_null(strstr(plain, "\"big-data-names\":[\"sha256:"));
	assert_non_null(strstr(plain, "\"manifest-sha256:DIGEST-4\",\"manifest-sha256:DIGEST-3\",\"manifest\","
				      "\"manifest-sha256:DIGEST-6\",\"manifest-sha256:DIGEST-5\"]"));
	assert_non_null(
		strstr(plain, "\"created\":\"2026-01-02T03:04:05.678901234+01:00\",\"digest\":\"sha256:DIGEST-4\""));
	assert_non_null(strstr(plain, "\"names\":[\"" HOST "bare@sha256:00\"]"));
	assert_non_null(strstr(plain, "\"created\":\"1970-01-01T00:00:00Z\",\"digest\":\"sha256:DIGEST-8\""));
	assert_non_null(strstr(plain, "\"compressed-diff-digest\":\"sha256:DIGEST-0\""));
	assert_non_null(strstr(plain, "\"compression\":2,"));
	assert_non_null(strstr(plain, "\"compression\":4,"));

	/* The same with one thread, in another order of images. */
	struct layers again;
	make_layers(&again, 1);
	const struct upstream_image turned[] = {u[2].i, u[0].i, u[1].i};
	_cleanup_free_ char *other = write_store(turned, 3);
	assert_string_equal(text, other);
	for (size_t i = 0; i < 3; i++)
		up_image_release(&u[i]);
	release_layers(&l);
	release_layers(&again);
}

static char *names_of(const char *reference)
{
	struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	up_lines(&tar, "f f=x");
	struct up_layer a;
	up_blob(&a, &tar, &tar);
	assert_int_equal(upstream_index(&a.l, &e), 0);
	struct up_layer *const one[] = {&a};
	struct up_image u;
	up_image(&u, reference, one, 1, "");
	plan = store_plan(&(struct store_spec){.upstream = &u.i, .n_upstream = 1}, &e);
	if (!plan)
		fail_msg("%s", e.msg);
	_cleanup_json_ json_t *report = store_report(plan);
	char *text = json_compact(json_object_get(json_array_get(json_object_get(report, "images"), 0), "names"));
	store_free(plan);
	up_image_release(&u);
	up_layer_release(&a);
	return text;
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *reference, *want;
	} all[] = {
		{"registry.example:5000/a/b:1", "[\"registry.example:5000/a/b:1\"]"},
		{"registry.example:5000/a/b@sha256:00", "[\"registry.example:5000/a/b@sha256:00\"]"},
		{"registry.example:5000/a/b:1@sha256:00", "[\"registry.example:5000/a/b:1\"]"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_cleanup_free_ char *got = names_of(all[i].reference);
		assert_string_equal(got, all[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_store), cmocka_unit_test(names)};
	return cmocka_run_group_tests_name("upstream images", tests, up_setup, up_teardown);
}
